"""Functions of the kernel by their part in a crash: what reports it, what leads there, what thousands of callers share.

Source: the functions of lib/dump_stack.c, kernel/panic.c, kernel/watchdog*.c, kernel/rcu/tree_stall.h, mm/kasan,
kernel/locking, mm/usercopy.c, lib/debugobjects.c, arch/{x86,arm64,powerpc,s390}/kernel/{traps,entry,process}*.
"""

from __future__ import annotations

import re


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _pattern(*parts: str) -> re.Pattern[str]:
    return re.compile("(?:" + "|".join(parts) + r")\Z")


#: prints a report, carries out a panic, or is how the processor came to it
_REPORTING = _names(
    """
    dump_stack dump_stack_lvl __dump_stack dump_backtrace unwind_backtrace show_stack show_regs __show_regs
    show_trace_log_lvl show_trace sched_show_task dump_stack_print_info spl_dumpstack spl_panic spl_assert vcmn_err
    spl_debug_dumpstack spl_debug_bug lbug_with_loc
    cmn_err
    panic vpanic nmi_panic panic_print_sys_info check_panic_on_warn crash_kexec __crash_kexec machine_kexec
    crash_setup_regs xen_panic_event notifier_call_chain atomic_notifier_call_chain __atomic_notifier_call_chain
    die __die __die_body __die_header die_addr die_kernel_fault die_nmi oops_end oops_begin oops_enter
    no_context __bad_area_nosemaphore __bad_area bad_area bad_area_nosemaphore page_fault_oops bad_page_fault
    __bad_page_fault kernelmode_fixup_or_oops mm_fault_error
    page_fault async_page_fault do_async_page_fault do_page_fault __do_page_fault do_user_addr_fault
    do_kern_addr_fault spurious_kernel_fault handle_page_fault ___do_page_fault hash__do_page_fault
    general_protection do_general_protection invalid_op do_invalid_op do_error_trap do_trap double_fault
    do_double_fault divide_error do_divide_error stack_segment df_exception error_entry error_exit error_return
    error_code common_exception handle_exception handle_stack_overflow handle_bug report_bug __report_bug
    fixup_bug xen_page_fault
    __warn __warn_printk warn_slowpath_fmt warn_slowpath_null warn_slowpath_common warn_slowpath_fmt_taint
    warn_bogus_irq_restore native_machine_emergency_restart
    do_mem_abort do_translation_fault do_bad_area __do_kernel_fault do_sp_pc_abort do_undefinstr do_el1_undef
    do_tag_check_fault do_tag_recovery report_tag_fault do_alignment_fault do_sea
    do_debug_exception brk_handler call_break_hook bug_handler do_el1_brk64 bad_mode bad_el0_sync arm64_serror_panic
    do_serror panic_bad_stack arm64_notify_die arm64_force_sig_fault
    data_access_common data_access_common_virt data_access_slb_common data_access_slb_common_virt
    program_check_common program_check_common_virt instruction_access_common do_break unrecoverable_exception
    handle_page_fault machine_check_common machine_check_early machine_check_handle_early soft_nmi_common
    _exception exception_common do_program_check emulation_assist_interrupt
    pgm_check_handler __do_pgm_check do_dat_exception do_protection_exception illegal_op do_no_context do_fault_error
    kasan_report __kasan_report kasan_report_error print_report print_address_description kasan_report_invalid_free
    kasan_report_double_free kasan_end_report kasan_object_err kasan_start_report end_report
    __kasan_check_read __kasan_check_write kasan_check_range check_memory_region check_memory_region_inline
    kasan_check_read kasan_check_write kmsan_report kmsan_internal_check_memory kmsan_internal_unpoison_memory
    look_up_lock_class debug_lockdep_rcu_enabled rcu_lockdep_current_cpu_online _sched_show_task rcu_gp_kthread
    rcu_gp_fqs_loop rcu_gp_fqs kcsan_report_unknown_origin kcsan_setup_watchpoint kfence_report_error
    kfence_handle_page_fault ubsan_epilogue handle_overflow object_err slab_err print_trailer slab_bug slab_fix
    ghes_notify_nmi ghes_in_nmi_queue_one_entry __ghes_panic ghes_panic ghes_proc ghes_in_nmi_spool_from_list
    machine_check do_machine_check mce_panic mce_end mce_start mce_timed_out print_mce raw_do_machine_check
    __mc_scan_banks __ratelimit
    nmi end_repeat_nmi first_nmi repeat_nmi do_nmi default_do_nmi nmi_handle nmi_entry asm_nmi unknown_nmi_error
    nmi_restore io_check_error pci_serr_error
    rcu_dump_cpu_stacks rcu_sched_clock_irq rcu_check_callbacks print_cpu_stall print_other_cpu_stall check_cpu_stall
    rcu_pending rcu_stall_kick_kthreads __rcu_pending panic_on_rcu_stall rcu_dump_task rcu_check_gp_kthread_starvation
    rcu_dump_cpu_stacks_cpu dump_cpu_task
    nmi_cpu_backtrace nmi_cpu_backtrace_handler nmi_trigger_cpumask_backtrace arch_trigger_cpumask_backtrace
    nmi_raise_cpu_backtrace arch_trigger_all_cpu_backtrace arch_trigger_all_cpu_backtrace_handler
    trigger_single_cpu_backtrace trigger_all_cpu_backtrace
    watchdog watchdog_timer_fn watchdog_overflow_callback watchdog_hardlockup_check watchdog_check_hardlockup_hw
    is_softlockup softlockup_tick watchdog_hardlockup_perf watchdog_fn check_hung_task check_hung_uninterruptible_tasks
    perf_event_nmi_handler intel_pmu_handle_irq amd_pmu_handle_irq handle_pmi_common __perf_event_overflow
    perf_event_overflow intel_pmu_handle_irq_v4 x86_pmu_handle_irq perf_ibs_nmi_handler
    print_circular_bug print_circular_bug_header print_deadlock_bug print_irq_inversion_bug print_usage_bug
    print_bad_irq_dependency print_unlock_imbalance_bug print_lock_invalid_wait_context print_irqtrace_events
    check_noncircular check_deadlock check_prev_add check_prevs_add check_wait_context check_irq_usage validate_chain
    mark_lock mark_lock_irq mark_held_locks mark_usage valid_state __lock_acquire lock_acquire lock_release
    lock_downgrade lockdep_rcu_suspicious debug_check_no_locks_held debug_check_no_locks_freed
    lockdep_sys_exit register_lock_class assign_lock_key ___might_sleep __might_sleep __might_resched might_sleep
    __might_fault __schedule_bug schedule_debug bad_page print_bad_pte __stack_chk_fail
    kdump_nmi_callback crash_nmi_callback crash_ipi_callback smp_kdump_stop
    dump_header oom_kill_process out_of_memory check_panic_on_oom check_panic_on_generic_oom
    """
)
_REPORTING_PATTERN = _pattern(
    r"asm_exc_\w+",
    r"exc_\w+",
    r"asm_sysvec_\w+",
    r"f?red_\w+_entry",
    r"el[01]h?_(?:64_)?\w+",
    r"__el1_irq",
    r"__asan_(?:load|store|report|handle)\w*",
    r"__msan_\w+",
    r"__tsan_\w+",
    r"__ubsan_handle_\w+",
    r"__hwasan_\w+",
    r"_{0,3}kasan_\w+",
    r"__sanitizer_cov_\w+",
    r"usercopy_abort",
    r"xen_(?:hypervisor_callback|do_hypervisor_callback|evtchn_do_upcall)",
    r"fortify_panic|__fortify_panic",
)
#: how a timer tick or an interrupt comes in and goes: on a lockup's stack above what was interrupted
_INTERRUPT = _names(
    """
    apic_timer_interrupt smp_apic_timer_interrupt local_apic_timer_interrupt hrtimer_interrupt __hrtimer_run_queues
    __run_hrtimer hrtimer_run_queues tick_sched_timer tick_sched_handle tick_nohz_handler tick_periodic
    tick_handle_periodic update_process_times scheduler_tick sched_tick timer_interrupt __timer_interrupt
    decrementer_common decrementer_common_virt arch_timer_handler_virt arch_timer_handler_phys
    handle_percpu_devid_irq handle_domain_irq generic_handle_domain_irq generic_handle_irq __handle_domain_irq
    handle_irq_event handle_edge_irq handle_fasteoi_irq __handle_irq_event_percpu
    gic_handle_irq call_on_irq_stack do_interrupt_handler do_IRQ __do_irq common_interrupt asm_common_interrupt
    ret_from_intr irq_exit irq_exit_rcu __irq_exit_rcu do_softirq __do_softirq do_softirq_own_stack handle_softirqs
    call_softirq invoke_softirq do_softirq_own_stack __irqentry_text_start __softirqentry_text_start
    run_ksoftirqd smpboot_thread_fn irq_enter do_irq_async do_ext_irq ext_int_handler do_ext_interrupt
    timer_handler __do_IRQ hardware_interrupt_common flush_smp_call_function_queue reschedule_interrupt
    asm_call_on_stack asm_call_irq_on_stack retint_kernel retint_careful irq_work_run restore_regs_and_iret
    call_function_interrupt call_function_single_interrupt generic_smp_call_function_single_interrupt
    __flush_smp_call_function_queue
    """
)
_INTERRUPT_PATTERN = _pattern(r"(?:__)?sysvec_\w+", r"smp_\w+_interrupt\w*")
#: ways into the kernel and what starts threads: the same below thousands of defects
_ENTRY = _names(
    """
    ret_from_fork ret_from_fork_asm ret_from_kernel_thread kernel_thread_helper kernel_thread_starter
    start_kernel_thread kthread worker_thread process_one_work process_scheduled_works kthread_worker_fn rescuer_thread
    entry_SYSCALL_64 entry_SYSCALL_64_after_hwframe entry_SYSCALL_64_fastpath system_call_fastpath
    entry_SYSENTER_compat entry_SYSENTER_compat_after_hwframe entry_INT80_compat entry_INT80_32 do_syscall_64
    do_syscall_x64 x64_sys_call do_int80_syscall_32 do_fast_syscall_32 __do_fast_syscall_32 syscall_call
    sysenter_do_call do_SYSENTER_32 sysenter_dispatch tracesys ia32_sys_call int_ret_from_sys_call sysret_check
    system_call system_call_exception system_call_common system_call_vectored_common syscall_exit ret_from_syscall
    el0_svc el0_svc_common el0_svc_handler do_el0_svc invoke_syscall __invoke_syscall el0_svc_naked ret_fast_syscall
    __do_syscall sys_call sysc_nr_ok
    start_kernel x86_64_start_kernel x86_64_start_reservations secondary_startup_64 secondary_startup_64_no_verify
    start_secondary cpu_startup_entry do_idle rest_init arch_call_rest_init cpu_idle kernel_init
    syscall_exit_to_user_mode exit_to_user_mode_loop exit_to_user_mode_prepare prepare_exit_to_usermode
    __syscall_exit_to_user_mode_work syscall_return_slowpath swapgs_restore_regs_and_return_to_usermode
    do_one_initcall do_initcalls kernel_init_freeable
    """
)
_ENTRY_PATTERN = _pattern(
    r"__(?:x64|ia32|arm64|s390x?|riscv|se|do|do_compat)_(?:compat_)?sys_\w+", r"(?:compat_)?sys_\w+", r"SyS_\w+"
)
#: layers of system calls and of the end of tasks: they pass work on to whatever file or socket it is
_LAYERS = _names(
    """
    exit_to_usermode_loop __prepare_exit_to_usermode task_work_run ____fput __fput fput __fput_sync do_signal get_signal
    arch_do_signal_or_restart do_exit do_group_exit resume_user_mode_work irqentry_exit_to_user_mode
    vfs_read vfs_write __vfs_read __vfs_write new_sync_read new_sync_write call_read_iter call_write_iter vfs_writev
    do_iter_write do_iter_readv_writev do_iter_read do_writev do_readv vfs_ioctl do_vfs_ioctl vfs_fsync vfs_fsync_range
    do_fsync compat_writev do_compat_writev vfs_iter_write do_compat_sys_ioctl
    kernfs_fop_write_iter kernfs_fop_write kernfs_fop_read_iter sysfs_kf_write seq_read seq_read_iter proc_reg_write
    proc_reg_read proc_reg_read_iter proc_reg_write_iter
    sock_sendmsg sock_sendmsg_nosec __sock_sendmsg sock_recvmsg sock_recvmsg_nosec sock_write_iter sock_read_iter
    sock_ioctl sock_do_ioctl sock_release __sock_release sock_close sockfd_lookup_light
    """
)
_LAYERS_PATTERN = _pattern(r"k?sys_\w+", r"_{2,4}sys_\w+", r"compat_SyS_\w+", r"sysenter_\w+", r"__do_sys_\w+")
#: what many callers share: a bad pointer shows here, and came from above
_SHARED = _names(
    """
    memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strcpy strncpy strscpy strlcpy strchr strstr
    __memcpy __memmove __memset memcpy_erms memset_erms memcpy_orig memset_orig memmove_extend __pi_memcpy __pi_memset
    rep_movs_alternative rep_stos_alternative copy_user_generic_unrolled copy_user_enhanced_fast_string
    clear_page_erms clear_page_rep copy_page _copy_to_user _copy_from_user copy_to_user copy_from_user
    __list_add_valid __list_del_entry_valid __list_add_valid_or_report __list_del_entry_valid_or_report __list_add
    list_add list_del __list_del_entry list_del_init __list_del hlist_del rb_erase rb_insert_color rb_next rb_first
    __rb_erase_color rb_insert_color_cached llist_add_batch llist_reverse_order
    refcount_warn_saturate refcount_inc refcount_dec refcount_inc_checked refcount_add_checked refcount_dec_checked
    refcount_sub_and_test refcount_sub_and_test_checked refcount_dec_and_test refcount_dec_and_test_checked
    refcount_inc_not_zero refcount_inc_not_zero_checked refcount_add refcount_error_report kref_get kref_put
    kobject_get kobject_put get_device put_device
    _raw_spin_lock _raw_spin_lock_irq _raw_spin_lock_irqsave _raw_spin_lock_bh _raw_spin_unlock _raw_spin_trylock
    _raw_spin_unlock_irqrestore _raw_spin_unlock_irq _raw_spin_unlock_bh __raw_spin_lock_irqsave do_raw_spin_lock
    do_raw_spin_unlock _spin_lock _spin_lock_irqsave _spin_lock_bh _spin_lock_irq _spin_unlock_irqrestore
    native_queued_spin_lock_slowpath queued_spin_lock_slowpath __pv_queued_spin_lock_slowpath ticket_spin_lock
    __ticket_spin_lock __raw_callee_save___pv_queued_spin_unlock pv_wait kvm_wait spin_dump spin_bug
    _raw_read_lock _raw_write_lock _raw_write_lock_irq _raw_write_lock_irqsave _raw_write_lock_bh _raw_read_lock_bh
    queued_read_lock_slowpath queued_write_lock_slowpath arch_spin_lock_wait arch_spin_relax
    arch_spin_lock_wait_flags __spin_yield
    mutex_lock mutex_unlock __mutex_lock __mutex_lock_slowpath __mutex_lock_common mutex_lock_nested __ww_mutex_lock
    mutex_lock_killable mutex_lock_interruptible mutex_lock_io __mutex_lock_killable_slowpath mutex_spin_on_owner
    __mutex_lock_interruptible_slowpath mutex_optimistic_spin __mutex_unlock_slowpath mutex_trylock
    down down_read down_write down_timeout down_interruptible up up_read up_write __down __down_common down_trylock
    rwsem_down_read_slowpath rwsem_down_write_slowpath rwsem_down_read_failed rwsem_down_write_failed
    rwsem_down_write_failed_killable rwsem_down_read_failed_common __rwsem_down_write_failed_common down_write_killable
    call_rwsem_down_read_failed call_rwsem_down_write_failed __down_read __down_write down_read_killable
    __percpu_down_read percpu_down_write percpu_rwsem_wait __percpu_rwsem_trylock rt_mutex_slowlock rt_spin_lock
    rwsem_optimistic_spin osq_lock __down_read_common __down_write_common rt_mutex_lock rtlock_slowlock_locked
    kfree kfree_rcu kvfree kmem_cache_free ___cache_free __cache_free slab_free __slab_free do_slab_free
    kmem_cache_alloc __kmalloc kmalloc kmem_cache_alloc_node __kmalloc_node __kmalloc_track_caller ___slab_alloc
    __slab_alloc slab_alloc slab_alloc_node kmem_cache_alloc_trace __kmalloc_node_track_caller kmem_cache_alloc_lru
    kmem_cache_alloc_noprof __kmalloc_noprof kmalloc_trace cache_alloc_refill get_freepointer vfree __vunmap
    slab_free_freelist_hook slab_free_hook kmem_cache_free_bulk kfree_skb_partial free_block kfree_sensitive kzfree
    schedule __schedule schedule_timeout __switch_to context_switch io_schedule io_schedule_timeout preempt_schedule
    preempt_schedule_common preempt_schedule_irq preempt_schedule_notrace preempt_schedule_thunk ___preempt_schedule
    schedule_preempt_disabled schedule_timeout_uninterruptible schedule_hrtimeout_range _cond_resched __cond_resched
    schedule_hrtimeout_range_clock rt_mutex_schedule __schedule_loop schedule_rtlock msleep usleep_range
    wait_for_completion __wait_for_common wait_for_common do_wait_for_common wait_for_completion_io
    wait_for_completion_timeout wait_for_completion_killable wait_for_completion_interruptible
    wait_for_completion_io_timeout wait_for_completion_state __wait_for_common_io prepare_to_wait
    out_of_line_wait_on_bit __wait_on_bit wait_on_bit bit_wait bit_wait_io out_of_line_wait_on_bit_lock
    __wait_on_bit_lock __wait_rcu_gp bit_wait_timeout bit_wait_io_timeout
    smp_call_function_many smp_call_function_many_cond smp_call_function_single smp_call_function on_each_cpu
    on_each_cpu_cond_mask on_each_cpu_cond generic_exec_single csd_lock_wait on_each_cpu_mask smp_call_function_any
    stop_machine multi_cpu_stop stop_machine_cpuslocked cpu_stopper_thread cpu_stop_queue_work stop_one_cpu
    synchronize_rcu synchronize_sched synchronize_rcu_expedited synchronize_srcu __synchronize_srcu rcu_barrier
    wait_rcu_gp exp_funnel_lock
    delay_tsc __const_udelay __delay __udelay udelay ndelay delay_halt delay_halt_tpause cpu_relax rep_nop
    virt_spin_lock get_device_parent skb_panic skb_over_panic skb_under_panic __bug BUG
    __check_object_size __check_heap_object check_heap_object check_stack_object report_usercopy
    sk_free __sk_free sk_destruct __sk_destruct sock_put sock_wfree sock_efree
    lock_sock lock_sock_nested lock_sock_fast release_sock __lock_sock __release_sock
    debug_print_object __debug_check_no_obj_freed debug_check_no_obj_freed
    device_add device_register device_create device_create_groups_vargs device_create_with_groups device_del
    device_unregister device_destroy internal_create_group
    wait_on_page_bit wait_on_page_bit_common wait_on_page_bit_killable __wait_on_buffer folio_wait_bit
    folio_wait_bit_common folio_wait_bit_killable __lock_page lock_page __folio_lock __wait_on_bit_common
    __folio_lock_killable __lock_page_killable folio_lock
    __wake_up __wake_up_common __wake_up_common_lock complete complete_all swake_up_one autoremove_wake_function
    default_wake_function try_to_wake_up wake_up_process
    """
)
_SHARED_PATTERN = _pattern(
    r"(?:__)?(?:arch_|raw_)?atomic(?:64|_long)?_\w+",
    r"_{0,2}(?:get|put)_user_(?:\d|nocheck_\d|bad)",
    r"(?:test|set|clear|change)_bit\w*",
    r"instrument_\w+",
    r"__read_once_size\w*|__write_once_size\w*",
    r"(?:kasan|kmemleak|kmsan|kcsan)_\w+",
    # the compiler's own: indirect calls, register saves
    r"__x86_(?:indirect|return)_\w+",
    r"__(?:llvm|gcc|aeabi|savegpr|restgpr)\w*",
    # the page allocator and what allocates large pieces out of it
    r"_{0,2}alloc_pages\w*|alloc_pages_\w+|__get_free_pages|get_zeroed_page|get_page_from_freelist",
    r"(?:__)?kmalloc_(?:order|large)\w*|(?:__)?kv?malloc_node\w*|_{0,2}v[mz]alloc\w*|__do_kmalloc_node\w*",
    r"___kmalloc_large_node\w*|__kmalloc_large_node\w*",
    # reference counted objects and their names in sysfs
    r"kobject_(?:add|init|del|put|get|create|cleanup|release|uevent)\w*|kset_(?:create|register|unregister)\w*",
    r"sysfs_(?:create|add|remove|do|warn)\w*|debug_object_(?:init|activate|deactivate|destroy|free|assert)\w*",
    # copies to and from user space
    r"_?copy_(?:to|from)_iter\w*|copyin|copyout|copy_page_(?:to|from)_iter\w*|raw_copy_\w+|__copy_user\w*",
)


def is_reporting(symbol: str) -> bool:
    """Whether a function only reports a crash or is part of an exception's way into the kernel."""
    return symbol in _REPORTING or _REPORTING_PATTERN.match(symbol) is not None


def is_interrupt(symbol: str) -> bool:
    """Whether a function belongs to the arrival of an interrupt, not to what was interrupted."""
    return symbol in _INTERRUPT or _INTERRUPT_PATTERN.match(symbol) is not None


def is_entry(symbol: str) -> bool:
    """Whether a function is a way into the kernel, or starts threads."""
    return symbol in _ENTRY or _ENTRY_PATTERN.match(symbol) is not None


def is_shared(symbol: str) -> bool:
    """Whether a function is one of those that thousands of callers share."""
    return symbol in _SHARED or _SHARED_PATTERN.match(symbol) is not None


def is_layer(symbol: str) -> bool:
    """Whether a function only passes a system call on to the file, socket or task that it is about."""
    return symbol in _LAYERS or _LAYERS_PATTERN.match(symbol) is not None


#: within these a processor goes round until another lets go of a lock
_SPINNING = _pattern(
    r"(?:native_|__pv_|pv_)?queued_spin_lock(?:_slowpath)?",
    r"virt_spin_lock",
    r"_{0,2}raw_spin_lock\w*",
    r"do_raw_spin_lock\w*",
    r"do_raw_(?:read|write)_lock\w*",
    r"_?spin_lock\w*",
    r"(?:read|write)_lock(?:_bh|_irq|_irqsave)?",
    r"(?:arch_|__)?ticket_spin_lock\w*",
    r"queued_(?:read|write)_lock_slowpath",
    r"_raw_(?:read|write)_lock\w*",
    r"arch_spin_lock\w*",
    r"arch_spin_relax",
    r"__spin_yield",
    r"pv_wait\w*|kvm_wait|xen_qlock_wait",
    r"osq_lock",
)


def is_spinning(symbol: str) -> bool:
    """Whether a function waits for a spin lock, going round; functions that let go of one are none."""
    return _SPINNING.match(symbol) is not None
