"""Shell profiles in the shapes in which systems ship them, and the lines that tools add to them."""

from __future__ import annotations

DEBIAN_PROFILE = """\
# /etc/profile: system-wide .profile file for the Bourne shell (sh(1))

if [ "$(id -u)" -eq 0 ]; then
  PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
else
  PATH="/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
fi
export PATH

if [ "${PS1-}" ]; then
  if [ "${BASH-}" ] && [ "$BASH" != "/bin/sh" ]; then
    # PS1 is set by bash.bashrc.
    if [ -f /etc/bash.bashrc ]; then
      . /etc/bash.bashrc
    fi
  else
    if [ "$(id -u)" -eq 0 ]; then
      PS1='# '
    else
      PS1='$ '
    fi
  fi
fi

if [ -d /etc/profile.d ]; then
  for i in /etc/profile.d/*.sh; do
    if [ -r $i ]; then
      . $i
    fi
  done
  unset i
fi
"""
DEBIAN_BASH_BASHRC = """\
# If not running interactively, don't do anything
[ -z "${PS1-}" ] && return
shopt -s checkwinsize
if [ -z "${debian_chroot:-}" ] && [ -r /etc/debian_chroot ]; then
    debian_chroot=$(cat /etc/debian_chroot)
fi
if ! [ -n "${SUDO_USER}" -a -n "${SUDO_PS1}" ]; then
  PS1='${debian_chroot:+($debian_chroot)}\\u@\\h:\\w\\$ '
fi
if [ -x /usr/lib/command-not-found ]; then
    function command_not_found_handle {
        if [ -x /usr/lib/command-not-found ]; then
           /usr/lib/command-not-found -- "$1"
           return $?
        else
           printf "%s: command not found\\n" "$1" >&2
           return 127
        fi
    }
fi
"""
DEBIAN_DOT_PROFILE = """\
# ~/.profile: executed by the command interpreter for login shells.
#umask 022

if [ -n "$BASH_VERSION" ]; then
    # include .bashrc if it exists
    if [ -f "$HOME/.bashrc" ]; then
        . "$HOME/.bashrc"
    fi
fi

if [ -d "$HOME/bin" ] ; then
    PATH="$HOME/bin:$PATH"
fi
if [ -d "$HOME/.local/bin" ] ; then
    PATH="$HOME/.local/bin:$PATH"
fi
"""
DEBIAN_BASHRC = """\
# ~/.bashrc: executed by bash(1) for non-login shells.
case $- in
    *i*) ;;
      *) return;;
esac

HISTCONTROL=ignoreboth
shopt -s histappend
HISTSIZE=1000
[ -x /usr/bin/lesspipe ] && eval "$(SHELL=/bin/sh lesspipe)"
case "$TERM" in
    xterm-color|*-256color) color_prompt=yes;;
esac
if [ "$color_prompt" = yes ]; then
    PS1='\\[\\033[01;32m\\]\\u@\\h\\[\\033[00m\\]:\\w\\$ '
else
    PS1='\\u@\\h:\\w\\$ '
fi
unset color_prompt force_color_prompt
if [ -x /usr/bin/dircolors ]; then
    test -r ~/.dircolors && eval "$(dircolors -b ~/.dircolors)" || eval "$(dircolors -b)"
    alias ls='ls --color=auto'
fi
alias alert='notify-send -i "$([ $? = 0 ] && echo terminal || echo error)" "$(history|tail -n1)"'
if [ -f ~/.bash_aliases ]; then
    . ~/.bash_aliases
fi
if ! shopt -oq posix; then
  if [ -f /usr/share/bash-completion/bash_completion ]; then
    . /usr/share/bash-completion/bash_completion
  elif [ -f /etc/bash_completion ]; then
    . /etc/bash_completion
  fi
fi
"""
FEDORA_PROFILE = """\
# /etc/profile
pathmunge () {
    case ":${PATH}:" in
        *:"$1":*)
            ;;
        *)
            if [ "$2" = "after" ] ; then
                PATH=$PATH:$1
            else
                PATH=$1:$PATH
            fi
    esac
}
if [ -x /usr/bin/id ]; then
    EUID=`/usr/bin/id -u`
    UID=`/usr/bin/id -ru`
    USER="`/usr/bin/id -un`"
    LOGNAME=$USER
    MAIL="/var/spool/mail/$USER"
fi
if [ "$EUID" = "0" ]; then
    pathmunge /usr/sbin
else
    pathmunge /usr/sbin after
fi
HISTSIZE=1000
export PATH USER LOGNAME MAIL HOSTNAME HISTSIZE HISTCONTROL
for i in /etc/profile.d/*.sh /etc/profile.d/sh.local ; do
    if [ -r "$i" ]; then
        if [ "${-#*i}" != "$-" ]; then
            . "$i"
        else
            . "$i" >/dev/null
        fi
    fi
done
unset i
unset -f pathmunge
if [ -n "${BASH_VERSION-}" ] ; then
    if [ -f /etc/bashrc ] ; then
        . /etc/bashrc
    fi
fi
"""
FEDORA_ETC_BASHRC = """\
# /etc/bashrc
if [ "$PS1" ]; then
  if [ -z "$PROMPT_COMMAND" ]; then
    case $TERM in
    xterm*|vte*)
        PROMPT_COMMAND='printf "\\033]0;%s\\007" "${USER}"'
      ;;
    esac
  fi
  [ "$PS1" = "\\\\s-\\\\v\\\\\\$ " ] && PS1="[\\u@\\h \\W]\\\\$ "
fi
if ! shopt -q login_shell ; then
    SHELL=/bin/bash
    for i in /etc/profile.d/*.sh; do
        if [ -r "$i" ]; then
            . "$i"
        fi
    done
    unset i
fi
"""
FEDORA_BASHRC = """\
# .bashrc
if [ -f /etc/bashrc ]; then
    . /etc/bashrc
fi
if ! [[ "$PATH" =~ "$HOME/.local/bin:$HOME/bin:" ]]; then
    PATH="$HOME/.local/bin:$HOME/bin:$PATH"
fi
export PATH
if [ -d ~/.bashrc.d ]; then
    for rc in ~/.bashrc.d/*; do
        if [ -f "$rc" ]; then
            . "$rc"
        fi
    done
fi
unset rc
"""
FEDORA_BASH_PROFILE = """\
# .bash_profile
if [ -f ~/.bashrc ]; then
    . ~/.bashrc
fi
# User specific environment and startup programs
"""
ARCH_PROFILE = """\
# /etc/profile
append_path () {
    case ":$PATH:" in
        *:"$1":*)
            ;;
        *)
            PATH="${PATH:+$PATH:}$1"
    esac
}
append_path '/usr/local/sbin'
append_path '/usr/local/bin'
append_path '/usr/bin'
export PATH
if test -d /etc/profile.d/; then
    for profile in /etc/profile.d/*.sh; do
        test -r "$profile" && . "$profile"
    done
    unset profile
fi
unset -f append_path
if test "$PS1" && test "$BASH" && test -z ${POSIXLY_CORRECT+x} && test -r /etc/bash.bashrc; then
    . /etc/bash.bashrc
fi
unset TERMCAP
"""
ARCH_BASHRC = """\
#
# ~/.bashrc
#
[[ $- != *i* ]] && return
alias ls='ls --color=auto'
PS1='[\\u@\\h \\W]\\$ '
"""
ALPINE_PROFILE = """\
append_path () {
\tcase ":$PATH:" in
\t\t*:"$1":*) ;;
\t\t*) PATH="${PATH:+$PATH:}$1" ;;
\tesac
}
append_path "/usr/local/bin"
append_path "/usr/bin"
unset -f append_path
export PATH
export PAGER=less
umask 022
if [ -n "$BASH_VERSION" ]; then
\t. /etc/bash/bashrc
else
\tPS1='\\h:\\w\\$ '
fi
for script in /etc/profile.d/*.sh ; do
\tif [ -r "$script" ] ; then
\t\t. "$script"
\tfi
done
unset script
"""
SUSE_PROFILE = """\
# /etc/profile for SuSE Linux
test -z "$PROFILEREAD" || return 0
readonly PROFILEREAD=true
if test -z "$is" ; then
  case "$-" in
  *i*) is=bash ;;
  esac
fi
if test "$UID" = 0 ; then
    test -d /opt/sbin && PATH=/opt/sbin:$PATH
else
    for dir in /usr/games /opt/bin; do
        test -d $dir && PATH=$PATH:$dir
    done
    unset dir
fi
export PATH
for sh in /etc/profile.d/*.sh ; do
    test -r $sh && . $sh
done
if test -s /etc/bash.bashrc -a "$is" != ash; then . /etc/bash.bashrc; fi
"""
SUSE_BASHRC = """\
# Sample .bashrc for SUSE Linux
#export EDITOR=/usr/bin/vim
#export GOPROXY=https://example.test
test -s ~/.alias && . ~/.alias || true
"""
SUSE_DOT_PROFILE = """\
# Sample .profile for SUSE Linux
test -z "$PROFILEREAD" && . /etc/profile || true
#export LANG=de_DE.UTF-8
"""
MACOS_ZPROFILE = """\
# System-wide profile for interactive zsh(1) login shells.
if [ -x /usr/libexec/path_helper ]; then
\teval `/usr/libexec/path_helper -s`
fi
"""
MACOS_ZSHRC = """\
if [[ "$(locale LC_CTYPE)" == "UTF-8" ]]; then
    setopt COMBINING_CHARS
fi
disable log
HISTFILE=${ZDOTDIR:-$HOME}/.zsh_history
HISTSIZE=2000
typeset -g -A key
[[ -n "$key[Home]" ]] && bindkey "$key[Home]" beginning-of-line
PS1="%n@%m %1~ %# "
[ -r "/etc/zshrc_$TERM_PROGRAM" ] && . "/etc/zshrc_$TERM_PROGRAM"
"""
OH_MY_ZSH = """\
# export PATH=$HOME/bin:$HOME/.local/bin:/usr/local/bin:$PATH
export ZSH="$HOME/.oh-my-zsh"
ZSH_THEME="robbyrussell"
# zstyle ':omz:update' mode disabled  # don't ask
plugins=(
  git
  golang
)
source $ZSH/oh-my-zsh.sh
# if [[ -n $SSH_CONNECTION ]]; then
#   export EDITOR='vim'
# fi
path+=("$HOME/.local/bin")
typeset -U path PATH
"""
FISH = """\
if status is-interactive
    # Commands to run in interactive sessions can go here
    set fish_greeting
end
fish_add_path ~/.local/bin
fish_add_path ~/go/bin /usr/local/go/bin
fish_add_path ~/go/bin
set -gx EDITOR vim
function fish_prompt
    set -l last $status
    echo -n (prompt_pwd)'> '
end
alias g 'git'
"""
POSIX_TOOLS = """\
. "$HOME/.cargo/env"
export GOPATH="$HOME/go"
export PATH="$PATH:/usr/local/go/bin:$GOPATH/bin"
"""
TOOLS = (
    POSIX_TOOLS
    + """\
export NVM_DIR="$HOME/.nvm"
[ -s "$NVM_DIR/nvm.sh" ] && \\. "$NVM_DIR/nvm.sh"  # This loads nvm
[ -s "$NVM_DIR/bash_completion" ] && \\. "$NVM_DIR/bash_completion"
export PYENV_ROOT="$HOME/.pyenv"
[[ -d $PYENV_ROOT/bin ]] && export PATH="$PYENV_ROOT/bin:$PATH"
eval "$(pyenv init - bash)"
# >>> conda initialize >>>
__conda_setup="$('/home/me/miniconda3/bin/conda' 'shell.bash' 'hook' 2> /dev/null)"
if [ $? -eq 0 ]; then
    eval "$__conda_setup"
else
    if [ -f "/home/me/miniconda3/etc/profile.d/conda.sh" ]; then
        . "/home/me/miniconda3/etc/profile.d/conda.sh"
    else
        export PATH="/home/me/miniconda3/bin:$PATH"
    fi
fi
unset __conda_setup
# <<< conda initialize <<<
eval "$(/opt/homebrew/bin/brew shellenv)"
proxy_on() {
    export HTTPS_PROXY=http://127.0.0.1:7890 HTTP_PROXY=http://127.0.0.1:7890
}
proxy_off() { unset HTTPS_PROXY HTTP_PROXY; }
"""
)
FISH_TOOLS = """\
set -gx GOPATH $HOME/go
set -gx PATH $PATH $GOPATH/bin
source "$HOME/.cargo/env.fish"
set -Ux PYENV_ROOT $HOME/.pyenv
pyenv init - fish | source
if test -f /home/me/miniconda3/bin/conda
    eval /home/me/miniconda3/bin/conda "shell.fish" "hook" $argv | source
else
    if test -f "/home/me/miniconda3/etc/fish/conf.d/conda.fish"
        . "/home/me/miniconda3/etc/fish/conf.d/conda.fish"
    else
        set -x PATH "/home/me/miniconda3/bin" $PATH
    end
end
eval (/opt/homebrew/bin/brew shellenv)
function proxy_on
    set -gx HTTPS_PROXY http://127.0.0.1:7890
end
"""
CARGO_ENV = """\
#!/bin/sh
# rustup shell setup
case ":${PATH}:" in
    *:"$HOME/.cargo/bin":*)
        ;;
    *)
        export PATH="$HOME/.cargo/bin:$PATH"
        ;;
esac
"""
BREW_ENV = """\
export HOMEBREW_PREFIX="/home/linuxbrew/.linuxbrew"
export PATH="/home/linuxbrew/.linuxbrew/bin:/home/linuxbrew/.linuxbrew/sbin${PATH+:$PATH}"
"""
