#!/bin/bash
# grubby of kdumpkit's lab: reads and edits boot entries after the Boot Loader Specification, as grubby 8.40's shell
# program for such systems does. Options, output and exit statuses as far as they are used for a kernel's arguments
# and for the default entry; what is not known here ends with status 1 and changes nothing.
export PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
entries=${GRUBBY_ENTRIES:-/boot/loader/entries}
environment=${GRUBBY_ENV:-/boot/grub2/grubenv}
boot=${GRUBBY_BOOT:-/boot}
defaults=${GRUBBY_DEFAULTS:-/etc/default/grub}

fail() { echo "grubby: $*" >&2; exit 1; }

# Entry files, newest version first: the order of the menu and of the indexes.
listed() {
    local file
    for file in "$entries"/*.conf; do [ -f "$file" ] && echo "${file##*/}"; done | sort -rV
}

value() { # FILE KEY
    awk -v key="$2" '$1 == key { sub(/^[ \t]*[^ \t]+[ \t]+/, ""); print; exit }' "$entries/$1"
}

environment_value() { # NAME
    sed -n "s/^$1=//p" "$environment" 2>/dev/null | tail -n 1
}

set_environment() { # NAME VALUE
    grub2-editenv "$environment" set "$1=$2" || fail "$environment could not be written"
}

options() { # FILE: with $kernelopts and other variables of grubenv resolved
    local word line=
    for word in $(value "$1" options); do
        case "$word" in
            \$kernelopts) word=$(environment_value kernelopts) ;;
            \$*) [ -n "$(environment_value "${word#\$}")" ] && word=$(environment_value "${word#\$}") ;;
        esac
        line="$line $word"
    done
    echo "${line# }"
}

kept_options() { # FILE: as they stand; $kernelopts is resolved, other variables stay variables
    local word line=
    for word in $(value "$1" options); do
        [ "$word" = '$kernelopts' ] && word=$(environment_value kernelopts)
        line="$line $word"
    done
    echo "${line# }"
}

kernel_of() { # FILE: the kernel's path as the running system has it
    local path
    path=$(value "$1" linux)
    case "$path" in "$boot"/*) echo "$path" ;; *) [ -e "$boot$path" ] && echo "$boot$path" || echo "$path" ;; esac
}

default_file() {
    local saved
    saved=$(environment_value saved_entry)
    if [ -n "$saved" ] && [ -f "$entries/$saved.conf" ]; then echo "$saved.conf"; return; fi
    case "$saved" in
        '' | *[!0-9]*) listed | head -n 1 ;;
        *) listed | sed -n "$((saved + 1))p" ;;
    esac
}

selected() { # ALL, DEFAULT, an index, a path, or title=...
    local file index=0 found=1
    case "$1" in
        ALL) listed; return ;;
        DEFAULT) default_file; return ;;
    esac
    while read -r file; do
        if [ "$1" = $index ] || [ "$1" = "$(kernel_of "$file")" ] || [ "$1" = "title=$(value "$file" title)" ]; then
            echo "$file"
            found=0
        fi
        index=$((index + 1))
    done < <(listed)
    return $found
}

index_of() { listed | grep -nxF -- "$1" | cut -d : -f 1 | awk '{ print $1 - 1 }'; }

show() { # FILE
    local word root= arguments=
    for word in $(options "$1"); do
        case "$word" in root=*) root=${word#root=} ;; *) arguments="$arguments $word" ;; esac
    done
    printf 'index=%s\nkernel="%s"\nargs="%s"\nroot="%s"\ninitrd="%s"\ntitle="%s"\nid="%s"\n' \
        "$(index_of "$1")" "$(kernel_of "$1")" "${arguments# }" "$root" "$(value "$1" initrd)" \
        "$(value "$1" title)" "${1%.conf}"
}

# The words of $1 without those of $2, then (where there are any) with those of $3 behind.
# A word to remove without = takes every value of that name; one to add replaces the value of its name.
edited() {
    local word other line=
    for word in $1; do
        for other in $2; do
            case "$other" in
                *=*) [ "$word" = "$other" ] && continue 2 ;;
                *) [ "${word%%=*}" = "$other" ] && continue 2 ;;
            esac
        done
        for other in $3; do
            case "$other" in
                # a machine has several consoles
                console=*) [ "$word" = "$other" ] && continue 2 ;;
                *) [ "${word%%=*}" = "${other%%=*}" ] && continue 2 ;;
            esac
        done
        line="$line $word"
    done
    for other in $3; do line="$line $other"; done
    echo "${line# }"
}

write_options() { # FILE WORDS: only that line changes; the file appears whole
    local new
    new=$(mktemp "$entries/.grubby.XXXXXX") || return 1
    OPTIONS=$2 awk '$1 == "options" { if (!done) print "options " ENVIRON["OPTIONS"]; done = 1; next } { print }
        END { if (!done) print "options " ENVIRON["OPTIONS"] }' "$entries/$1" > "$new" \
        && chmod --reference="$entries/$1" "$new" && mv "$new" "$entries/$1" || { rm -f "$new"; return 1; }
}

update() { # SELECTION
    local file files
    files=$(selected "$1") || fail "the param $1 is incorrect"
    [ -n "$files" ] || fail "the param $1 is incorrect"
    for file in $files; do
        # All entries together: what they share is changed where it is. One alone gets words of its own.
        case "$1 $(value "$file" options)" in 'ALL '*'$kernelopts'*) continue ;; esac
        write_options "$file" "$(edited "$(kept_options "$file")" "$remove" "$add")" \
            || fail "$entries/$file could not be written"
    done
    if [ "$1" = ALL ]; then
        local shared
        shared=$(environment_value kernelopts)
        [ -z "$shared" ] || set_environment kernelopts "$(edited "$shared" "$remove" "$add")"
        [ -n "$no_settings" ] || update_settings || fail "$defaults could not be written"
    fi
}

# What new kernels' entries get: GRUB_CMDLINE_LINUX changes with all entries, unless --no-etc-grub-update is given.
update_settings() {
    [ -f "$defaults" ] || return 0
    local new words
    words=$(sed -n 's/^GRUB_CMDLINE_LINUX="\(.*\)"$/\1/p' "$defaults")
    new=$(mktemp "$defaults.XXXXXX") || return 1
    WORDS=$(edited "$words" "$remove" "$add") awk \
        '/^GRUB_CMDLINE_LINUX="/ { print "GRUB_CMDLINE_LINUX=\"" ENVIRON["WORDS"] "\""; next } { print }' \
        "$defaults" > "$new" && chmod --reference="$defaults" "$new" && mv "$new" "$defaults" || { rm -f "$new"; return 1; }
}

# One verb with what it needs; --args and --remove-args may stand before or after it.
action= subject= add= remove= no_settings=
take() { [ -z "$action" ] || [ "$action" = "$1" ] || fail "--$action and --$1 cannot go together"; action=$1 subject=$2; }
while [ $# -gt 0 ]; do
    word=$1
    case "$word" in
        --info | --update-kernel | --args | --remove-args | --set-default | --set-default-index | --remove-kernel)
            shift
            [ $# -gt 0 ] || fail "$word needs a value"
            word="$word=$1" ;;
    esac
    text=${word#*=}
    case "$word" in
        --info=*) take info "$text" ;;
        --update-kernel=*) take update-kernel "$text" ;;
        --args=*) add="$add $text" ;;
        --remove-args=*) remove="$remove $text" ;;
        --default-kernel) take default-kernel ;;
        --default-index) take default-index ;;
        --default-title) take default-title ;;
        --set-default=*) take set-default "$text" ;;
        --set-default-index=*) take set-default-index "$text" ;;
        --no-etc-grub-update) no_settings=yes ;;
        --grub2 | --bls | --efi) ;;
        --version | -v) echo "grubby version 8.40 (kdumpkit's lab)"; exit 0 ;;
        *) fail "unknown option $word" ;;
    esac
    shift
done
[ -n "$(listed)" ] || fail "there is no entry in $entries"

case "$action" in
    info)
        files=$(selected "$subject") || fail "the param $subject is incorrect"
        for file in $files; do show "$file"; done ;;
    update-kernel)
        [ -n "$add$remove" ] || fail "--update-kernel needs --args or --remove-args"
        update "$subject" ;;
    default-kernel) kernel_of "$(default_file)" ;;
    default-index) index_of "$(default_file)" ;;
    default-title) value "$(default_file)" title ;;
    set-default | set-default-index)
        file=$(selected "$subject") || fail "the param $subject is incorrect"
        case "$file" in *"
"*) fail "the param $subject names more than one entry" ;; esac
        set_environment saved_entry "${file%.conf}"
        echo "The default is $entries/$file with index $(index_of "$file") and kernel $(kernel_of "$file")" ;;
    *) fail "nothing to do" ;;
esac
