# SPDX-License-Identifier: GPL-2.0
#
# complete.zsh FOLDER: are commands, options and values completed, by a zsh that
# has FOLDER/_dmremap and FOLDER/dmremap? Waits for what must appear; the caller
# sets a limit of time.

zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PROMPT=; fpath=($1 \$fpath); path=($1 \$path); autoload -Uz compinit; compinit -D -u; echo RE''ADY"
zpty -r z out "*READY*"
zpty -w -n z $'dmremap sc\t\t'
zpty -r z out "*scrub*"
zpty -w -n z $'rub\x15'
zpty -w -n z $'dmremap import data list --form\t'
zpty -r z out "*--format*"
zpty -w -n z $'dd\t'
zpty -r z out "*rescue*"
zpty -d z
