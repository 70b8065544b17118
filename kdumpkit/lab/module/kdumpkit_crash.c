// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Ways for a kernel to die, for the lab's machine alone.
 *
 * Loading it does nothing. A word written to /sys/module/kdumpkit_crash/parameters/trigger is a kind of crash, in the
 * words of `kdumpkit oops`; whoever writes it does not come back, or has started threads that take the machine down.
 * Each way is a function of its own that is never inlined, so that its name is what a log and a dump must show.
 */
#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>
#include <linux/string.h>

struct kdk_record {
	unsigned long first;
	unsigned long second;
};

/* Not static and not constant: the compiler must take them for anything. */
struct kdk_record *kdk_nothing;
unsigned long kdk_sum;
unsigned long kdk_zero;
unsigned long kdk_deepest = ~0UL;

static atomic_t kdk_spinning = ATOMIC_INIT(0);

static DEFINE_MUTEX(kdk_mutex);
static DECLARE_COMPLETION(kdk_is_held);

static DEFINE_SPINLOCK(kdk_spinlock);
static DECLARE_COMPLETION(kdk_spinlock_is_held);

static noinline void kdk_read_null(void)
{
	kdk_sum += READ_ONCE(kdk_nothing->second);
}

/* Within the hole above the direct map of a kernel with four-level page tables: nothing is ever mapped here. */
static noinline void kdk_read_unmapped(void)
{
	unsigned long *address = (unsigned long *)0xffffffff00000040UL;

	OPTIMIZER_HIDE_VAR(address);
	kdk_sum += READ_ONCE(*address);
}

/* No address of any page: what a pointer out of freed and poisoned memory looks like. */
static noinline void kdk_read_wild(void)
{
	unsigned long *address = (unsigned long *)0x6b6b6b6b6b6b6b6bUL;

	/* in a register, as a pointer out of memory would be: the kernel then prints the address */
	OPTIMIZER_HIDE_VAR(address);
	kdk_sum += READ_ONCE(*address);
}

static noinline void kdk_bug(void)
{
	BUG();
}

static noinline void kdk_divide(void)
{
	kdk_sum = kdk_sum / READ_ONCE(kdk_zero);
}

static noinline void kdk_warn(void)
{
	WARN(1, "kdumpkit_crash: a warning that was asked for\n");
}

static noinline unsigned long kdk_recurse(unsigned long depth)
{
	volatile unsigned char frame[256];

	frame[depth % sizeof(frame)] = depth;
	if (depth == READ_ONCE(kdk_deepest))
		return 0;
	return kdk_recurse(depth + 1) + frame[depth % sizeof(frame)];
}

static noinline void kdk_overflow_stack(void)
{
	kdk_sum += kdk_recurse(0);
}

/* The canary is behind the buffer; that it is dead is found when this function returns. */
static noinline void kdk_smash_stack(void)
{
	unsigned char buffer[16];
	unsigned char *at = buffer;
	unsigned int i;

	for (i = 0; i < 64; i++) {
		OPTIMIZER_HIDE_VAR(at);
		WRITE_ONCE(at[i], 0x6b);
	}
	kdk_sum += READ_ONCE(buffer[0]);
}

/*
 * Interrupts stay on for who waits for a watchdog's timer, and go off where an NMI must find this very loop: the last
 * processor that comes here says so.
 */
static noinline int kdk_spin(void *interrupts_off)
{
	preempt_disable();
	if (interrupts_off) {
		local_irq_disable();
		if (atomic_inc_return(&kdk_spinning) == num_online_cpus())
			pr_emerg("kdumpkit_crash: every processor spins\n");
	}
	for (;;)
		cpu_relax();
	return 0;
}

static noinline int kdk_hold_mutex(void *unused)
{
	mutex_lock(&kdk_mutex);
	complete(&kdk_is_held);
	while (!kthread_should_stop())
		msleep_interruptible(1000);
	mutex_unlock(&kdk_mutex);
	return 0;
}

static noinline int kdk_wait_mutex(void *unused)
{
	mutex_lock(&kdk_mutex);
	mutex_unlock(&kdk_mutex);
	return 0;
}

/* With interrupts off: no watchdog looks at this processor but one that takes NMIs. */
static noinline int kdk_hold_spinlock(void *unused)
{
	unsigned long flags;

	spin_lock_irqsave(&kdk_spinlock, flags);
	complete(&kdk_spinlock_is_held);
	for (;;)
		cpu_relax();
	return 0;
}

static noinline int kdk_take_spinlock(void *unused)
{
	wait_for_completion(&kdk_spinlock_is_held);
	spin_lock(&kdk_spinlock);
	kdk_sum++;
	spin_unlock(&kdk_spinlock);
	return 0;
}

static void kdk_start(int (*function)(void *), void *data, const char *name, unsigned int cpu)
{
	struct task_struct *task = kthread_create(function, data, "%s/%u", name, cpu);

	if (IS_ERR(task)) {
		pr_emerg("kdumpkit_crash: no thread for CPU %u: %ld\n", cpu, PTR_ERR(task));
		return;
	}
	kthread_bind(task, cpu);
	wake_up_process(task);
}

static void kdk_start_spinning(void *interrupts_off, unsigned int cpu)
{
	kdk_start(kdk_spin, interrupts_off, "kdk-spin", cpu);
}

/* The last processor, so that the first goes on with what the machine needs to be watched. */
static void kdk_lock_up(void)
{
	kdk_start_spinning(NULL, cpumask_last(cpu_online_mask));
}

static void kdk_lock_up_everything(void)
{
	unsigned int here, cpu;

	here = get_cpu();
	put_cpu();
	for_each_online_cpu(cpu)
		if (cpu != here)
			kdk_start_spinning(&kdk_sum, cpu);
	kdk_start_spinning(&kdk_sum, here);
}

static void kdk_hang(void)
{
	kthread_run(kdk_hold_mutex, NULL, "kdk-holder");
	wait_for_completion(&kdk_is_held);
	kthread_run(kdk_wait_mutex, NULL, "kdk-waiter");
}

/*
 * The last processor holds the lock, the first one waits for it and is what a watchdog finds. Who triggers that stays
 * here: as it ends, its memory is taken away, which waits for the last processor too, and it might be found instead.
 */
static void kdk_lock_up_by_spinlock(void)
{
	kdk_start(kdk_take_spinlock, NULL, "kdk-victim", cpumask_first(cpu_online_mask));
	kdk_start(kdk_hold_spinlock, NULL, "kdk-holder", cpumask_last(cpu_online_mask));
	for (;;)
		msleep(1000);
}

static const struct {
	const char *kind;
	void (*trigger)(void);
} kdk_kinds[] = {
	{ "null_deref", kdk_read_null },
	{ "paging_request", kdk_read_unmapped },
	{ "gpf", kdk_read_wild },
	{ "bug_on", kdk_bug },
	{ "divide_error", kdk_divide },
	{ "warning", kdk_warn },
	{ "stack_overflow", kdk_overflow_stack },
	{ "stack_corruption", kdk_smash_stack },
	{ "soft_lockup", kdk_lock_up },
	{ "rcu_stall", kdk_lock_up },
	{ "spinlock_victim", kdk_lock_up_by_spinlock },
	{ "nmi", kdk_lock_up_everything },
	{ "hung_task", kdk_hang },
};

static int kdk_set_trigger(const char *value, const struct kernel_param *param)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kdk_kinds); i++) {
		if (sysfs_streq(value, kdk_kinds[i].kind)) {
			kdk_kinds[i].trigger();
			return 0;
		}
	}
	return -EINVAL;
}

static const struct kernel_param_ops kdk_trigger_ops = { .set = kdk_set_trigger };
module_param_cb(trigger, &kdk_trigger_ops, NULL, 0200);
MODULE_PARM_DESC(trigger, "kind of crash; the machine goes down");

static int __init kdk_init(void)
{
	pr_info("kdumpkit_crash: loaded\n");
	return 0;
}

static void __exit kdk_exit(void)
{
}

module_init(kdk_init);
module_exit(kdk_exit);

MODULE_DESCRIPTION("Crashes the kernel of kdumpkit's lab on request");
MODULE_LICENSE("Dual MIT/GPL");
