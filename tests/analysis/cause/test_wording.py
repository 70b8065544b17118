"""What the sentence names: the checker's own place, the words of a fault, and only what the taint tells of modules."""

from __future__ import annotations

from tests.analysis.cause.test_rules import cause_of


def test_the_checker_names_the_place_where_the_log_ends_early() -> None:
    cause = cause_of(
        "BUG: KASAN: invalid-access in widget_destroy+0x50/0x690 [widget]\n"
        "Write at addr fdff0504a2d16528 by task kworker/2:1H/290\n"
        "CPU: 2 PID: 290 Comm: kworker/2:1H Not tainted 6.1.138 #1\n"
        "Workqueue: gadgetd gadget_work [gadget]\n"
        "Call trace:\n dump_backtrace+0x10c/0x214\n dump_stack_lvl+0x84/0xc0\n"
    )
    assert cause.rule == "sanitizer.kasan"
    assert "widget_destroy() of the module widget" in cause.sentence


def test_kasan_of_4_0_wrote_the_words_apart() -> None:
    cause = cause_of(
        "BUG: KASan: use after free in widget_free+0x2c9/0x340 [widget] at addr ffff880d59947040\n"
        "Read of size 8 by task widgetd/15\n"
    )
    assert "widget_free() of the module widget used memory after it had been given back; KASAN" in cause.sentence


def test_a_fault_without_rule_is_told_in_its_own_words() -> None:
    fault = "CPU: 1 PID: 33 Comm: widgetd Not tainted 6.1.0 #1\nRIP: 0010:widget_get+0x1e/0x20\n"
    cause = cause_of("Oops: int3: 0000 [#1] SMP NOPTI\n" + fault)
    assert 'in widget_get(): "Oops: int3".' in cause.sentence
    assert not any("lines before" in thing for thing in cause.would_raise)
    cause = cause_of("Internal error: Oops: 96000005 [#1] SMP\n" + fault)
    assert "the log does not say which kind" in cause.sentence
    assert any("lines before" in thing for thing in cause.would_raise)


def test_the_taint_note_gives_the_letters_of_modules_only() -> None:
    cause = cause_of(
        "BUG: kernel NULL pointer dereference, address: 0000000000000008\nOops: 0000 [#1] SMP\n"
        "CPU: 1 PID: 33 Comm: widgetd Tainted: P          IO       6.12.53 #1\nRIP: 0010:widget_get+0x1e/0x20\n"
    )
    assert "(taint PO)" in cause.sentence


def test_what_prints_a_bad_page_is_not_to_blame() -> None:
    cause = cause_of(
        "BUG: Bad page map in process widgetd  pte:4a44e100 pmd:4dfc8831\n"
        "CPU: 0 PID: 1041 Comm: widgetd Not tainted 4.3.6 #1\n"
        "[<c000f28c>] (unwind_backtrace) from [<c000cf0c>] (show_stack+0x10/0x14)\n"
        "[<c000cf0c>] (show_stack) from [<c00787c8>] (print_bad_pte+0x158/0x190)\n"
        "[<c00787c8>] (print_bad_pte) from [<c0079cec>] (widget_unmap+0x1e0/0x400)\n"
        "[<c0079cec>] (widget_unmap) from [<c0079d00>] (widget_exit+0x1e0/0x400)\n"
    )
    assert "widget_unmap()" in cause.sentence


def test_a_lockup_says_once_where_it_was() -> None:
    cause = cause_of(
        "watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [widgetd:33]\n"
        "CPU: 1 PID: 33 Comm: widgetd Not tainted 6.9.7 #1\n"
        "pc : widget_notify+0x14/0x1c\n"
        "Call trace:\n widget_notify+0x14/0x1c\n widget_update+0x10/0x20\n"
    )
    assert cause.sentence.count("widget_notify()") == 1


def test_a_pool_that_is_set_to_panic() -> None:
    cause = cause_of(
        "Kernel panic - not syncing: Pool 'tank' has encountered an uncorrectable I/O failure and the failure mode "
        "property for this pool is set to panic.\n"
    )
    assert cause.rule == "panic_words.pool"
    assert "failmode=panic" in cause.sentence


def test_where_a_module_is_blamed_no_other_is_looked_for() -> None:
    cause = cause_of(
        "VERIFY3(a == b) failed (1 == 2)\nPANIC at widget.c:503:widget_check()\nShowing stack for process 77\n"
        "CPU: 1 PID: 77 Comm: z_wr_iss Tainted: P           O       6.12.53 #1\nCall Trace:\n"
        " spl_panic+0xf9/0x110 [spl]\n widget_check+0x8dd/0xf40 [zfs]\n"
    )
    assert "the log does not say which" not in cause.sentence
