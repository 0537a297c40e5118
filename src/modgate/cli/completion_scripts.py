"""The scripts of the shells, which hold everything that can be typed, and so start no program at TAB.

Each finds the place first: the words before the cursor that are commands, options and their values left
aside. What is offered there are the next words, or options once a dash is typed; a value of an option where
that wants one. Bash 3.2, which macOS has, knows no associative arrays and no `mapfile`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modgate.cli.completion_tree import Choice, Place

__all__ = ["bash", "fish", "zsh"]

_BASH = """\
# bash completion of modgate: made by `modgate completion bash`
_modgate_at() {{
    next= options= takes= files=
    case $1 in
{places}
        *) return 1 ;;
    esac
}}

_modgate_value() {{
    case $1 in
{values}
        *) return 1 ;;
    esac
}}

_modgate() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
    local place= next options takes files word wanted= number
    COMPREPLY=()
    _modgate_at ""
    for ((number = 1; number < COMP_CWORD; number++)); do
        word=${{COMP_WORDS[number]}}
        if [[ $word == = ]]; then continue; fi
        if [[ $word == -- ]]; then return 0; fi
        if [[ -n $wanted ]]; then wanted=; continue; fi
        case $word in
            -*) if [[ " $takes " == *" $word "* ]]; then wanted=$word; fi ;;
            *) if [[ " $next " == *" $word "* ]]; then
                   place=${{place:+$place }}$word
                   _modgate_at "$place"
               fi ;;
        esac
    done
    if [[ $cur == = ]]; then cur=; fi
    if [[ -n $wanted ]]; then
        _modgate_value "$place|$wanted"
        return 0
    fi
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
    elif [[ -n $next ]]; then
        COMPREPLY=($(compgen -W "$next" -- "$cur"))
    elif [[ -z $files ]]; then
        compopt +o default +o bashdefault 2>/dev/null
    fi
    return 0
}}

complete -o bashdefault -o default -F _modgate modgate
"""

_ZSH = """\
#compdef modgate
# zsh completion of modgate: made by `modgate completion zsh`
_modgate_at() {{
    next=() options=() takes=() files=
    case $1 in
{places}
        *) return 1 ;;
    esac
}}

_modgate_value() {{
    case $1 in
{values}
        *) _files ;;
    esac
}}

_modgate() {{
    local place= wanted= word files number
    local -a next options takes
    _modgate_at ""
    for ((number = 2; number < CURRENT; number++)); do
        word=${{words[number]}}
        if [[ $word == -- ]]; then _files; return; fi
        if [[ -n $wanted ]]; then wanted=; continue; fi
        if [[ $word == -* ]]; then
            if (( ${{takes[(Ie)$word]}} )); then wanted=$word; fi
        elif (( ${{next[(I)${{(b)word}}:*]}} )); then
            place=${{place:+$place }}$word
            _modgate_at "$place"
        fi
    done
    word=${{words[CURRENT]}}
    if [[ -n $wanted ]]; then
        _modgate_value "$place|$wanted"
    elif [[ $word == -*=* ]]; then
        compset -P '*='
        _modgate_value "$place|${{word%%=*}}"
    elif [[ $word == -* ]]; then
        _describe -o option options
    elif (( $#next )); then
        _describe command next
    elif [[ -n $files ]]; then
        _files
    fi
}}

if [[ $funcstack[1] == _modgate ]]; then
    _modgate "$@"
else
    compdef _modgate modgate
fi
"""

_FISH = """\
# fish completion of modgate: made by `modgate completion fish`
function __modgate_at
    set -l known {known}
    set -l takes {takes}
    set -l place
    set -l wanted 0
    set -l tokens (commandline -opc)
    for word in $tokens[2..-1]
        if test $wanted = 1
            set wanted 0
            continue
        end
        if string match -q -- '-*' $word
            contains -- $word $takes; and set wanted 1
            continue
        end
        set -l longer (string trim -- "$place $word")
        contains -- $longer $known; and set place $longer
    end
    test "$place" = "$argv[1]"
end

complete -c modgate -f
{rules}
"""


def bash(places: Sequence[Place]) -> str:
    """For bash 3.2 and newer."""
    rows, values = [], []
    for place in places:
        options = " ".join(name for choice in place.options for name in choice.names)
        takes = " ".join(name for choice in place.options if choice.value for name in choice.names)
        rows.append(
            f"        {_quoted(place.name)})\n"
            f"            next={_quoted(' '.join(place.next))}\n"
            f"            options={_quoted(options)}\n"
            f"            takes={_quoted(takes)}\n"
            f"            files={'yes' if place.files else ''} ;;"
        )
        for choice in place.options:
            if choice.value in {"words", "folder"}:
                what = f"-W {_quoted(' '.join(choice.words))}" if choice.value == "words" else "-d"
                names = "|".join(_quoted(f"{place.name}|{name}") for name in choice.names)
                values.append(f'        {names}) COMPREPLY=($(compgen {what} -- "$cur")) ;;')
    return _BASH.format(places="\n".join(rows), values="\n".join(values))


def zsh(places: Sequence[Place]) -> str:
    """For zsh 5, to be sourced after `compinit` or autoloaded as `_modgate`."""
    rows, values = [], []
    for place in places:
        following = [_quoted(f"{_colons(word)}:{told}") for word, told in place.next.items()]
        options = [_quoted(f"{name}:{choice.told}") for choice in place.options for name in choice.names]
        takes = [name for choice in place.options if choice.value for name in choice.names]
        rows.append(
            f"        {_quoted(place.name)})\n"
            f"            next=({' '.join(following)})\n"
            f"            options=({' '.join(options)})\n"
            f"            takes=({' '.join(takes)})\n"
            f"            files={'yes' if place.files else ''} ;;"
        )
        for choice in place.options:
            if choice.value in {"words", "folder", "text"}:
                names = "|".join(_quoted(f"{place.name}|{name}") for name in choice.names)
                does = {"words": f"compadd -- {' '.join(choice.words)}", "folder": "_files -/", "text": ":"}
                values.append(f"        {names}) {does[choice.value]} ;;")
    return _ZSH.format(places="\n".join(rows), values="\n".join(values))


def fish(places: Sequence[Place]) -> str:
    """For fish 3."""
    flags = {
        name for place in places for choice in place.options if not choice.value for name in choice.names
    }
    takes = {name for place in places for choice in place.options if choice.value for name in choice.names}
    rules = [rule for place in places for rule in _fish_rules(place)]
    return _FISH.format(
        known=" ".join(_fish_quoted(place.name) for place in places if place.name),
        takes=" ".join(sorted(takes - flags)),
        rules="\n".join(rules),
    )


def _fish_rules(place: Place) -> Iterator[str]:
    when = f"complete -c modgate -n {_fish_quoted(f'__modgate_at {_fish_quoted(place.name)}')}"
    for word, told in place.next.items():
        yield f"{when} -a {_fish_quoted(word)} -d {_fish_quoted(told)}"
    if place.files and not place.next:
        yield f"{when} -F"
    for choice in place.options:
        yield f"{when} {_fish_names(choice)} -d {_fish_quoted(choice.told)}{_fish_value(choice)}"


def _fish_names(choice: Choice) -> str:
    return " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in choice.names)


def _fish_value(choice: Choice) -> str:
    match choice.value:
        case "file":
            return " -r -F"
        case "folder":
            return ' -x -a "(__fish_complete_directories)"'
        case "words":
            return f" -x -a {_fish_quoted(' '.join(choice.words))}"
        case "text":
            return " -x"
    return ""


def _colons(text: str) -> str:
    """A colon ends the word in `_describe`."""
    return text.replace(":", "\\:")


def _quoted(text: str) -> str:
    """One word for bash and zsh, whatever is in it."""
    return text if re.fullmatch(r"[\w./-]+", text, re.ASCII) else "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    """One word for fish, where a backslash counts within single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
