#!/bin/sh
# Starts pln with the least rights its verb needs (DESIGN.md section 2). In come
# the command line and the environment; out goes an exec of deno, so that
# signals and exit codes are pln's own. It must never grant a right to all verbs
# because one needs it.
#
#   launcher.sh <verb> [argument...]
#   launcher.sh --print-rights <verb> [argument...]   the flags, one a line
#
# PLN_DENO names the deno to run; else it is looked up in PATH.
set -eu

fail() {
  printf 'pln: %s\n  %s\n' "$1" "$2" >&2
  exit "${3:-1}"
}

# The file behind a chain of symbolic links.
resolve_links() {
  path=$1
  while [ -L "$path" ]; do
    target=$(readlink "$path")
    case $target in
      /*) path=$target ;;
      *) path=$(dirname "$path")/$target ;;
    esac
  done
  printf '%s\n' "$path"
}

# A path as typed, absolute.
absolute() {
  case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "${base%/}/$1" ;;
  esac
}

# A path as a flag may hold it: Deno 2.9.6 splits at every comma, also at a
# doubled one (https://github.com/denoland/deno/issues/32010).
grantable() {
  case $1 in
    *,*) fail "Deno cannot grant a path with a comma: $1" "$comma_hint" 2 ;;
    *) printf '%s\n' "$1" ;;
  esac
}

# Whether a socket may have this path, in bytes (limits.socketPathBytesMax).
fits() {
  [ "$(printf '%s' "$1" | wc -c)" -le 103 ]
}

is_script() {
  [ "$(head -c 2 "$1")" = '#!' ]
}

# The native deno. npm's "deno" is a script that does not pass signals on; the
# executable lies beside it, or in the package of this platform.
find_deno() {
  deno=${PLN_DENO:-$(command -v deno || true)}
  [ -n "$deno" ] || fail 'Deno is not in PATH' \
    'Install version 2.9 or later: npm install -g deno, or set PLN_DENO' 127
  [ -x "$deno" ] || fail "$deno is no executable" 'Set PLN_DENO to deno' 127
  is_script "$deno" || return 0
  package=$(dirname "$(resolve_links "$deno")")
  for native in "$package/deno" "$package"/node_modules/@deno/*/deno \
    "$package"/../@deno/*/deno; do
    if [ -x "$native" ] && ! is_script "$native"; then
      deno=$native
      return 0
    fi
  done
}

# From source the packages come from Deno's cache, and nothing else may bring
# them at run time: an empty cache is filled first, once.
fill_cache() {
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/deno
  [ ! -d "$HOME/Library/Caches" ] || cache=$HOME/Library/Caches/deno
  for package in "${DENO_DIR:-$cache}"/npm/*/valibot; do
    [ ! -d "$package" ] || return 0
  done
  echo "pln: fetching the packages it needs, once" >&2
  (cd "$root" && "$deno" install --quiet --frozen >&2) ||
    fail 'The packages cannot be fetched' \
      "Check the network, then run \"deno install\" in $root"
}

# Reads --dir, -d and the first plain argument out of the command line.
read_arguments() {
  given_dir='' file='' passphrase_file='' expects=''
  root_key='' root_certificate='' second_word=''
  is_detached=false includes_keys=false
  shift # the verb
  for argument in "$@"; do
    case $expects in
      --dir) given_dir=$argument ;;
      --passphrase-file) passphrase_file=$argument ;;
      --root-key) root_key=$argument ;;
      --root-certificate) root_certificate=$argument ;;
    esac
    if [ -n "$expects" ] && [ "$expects" != -- ]; then
      expects=''
      continue
    fi
    if [ "$expects" = -- ]; then
      take_plain "$argument"
      continue
    fi
    case $argument in
      --) expects=-- ;;
      --dir=*) given_dir=${argument#--dir=} ;;
      --passphrase-file=*) passphrase_file=${argument#--passphrase-file=} ;;
      --root-key=*) root_key=${argument#--root-key=} ;;
      --root-certificate=*) root_certificate=${argument#--root-certificate=} ;;
      --dir | --passphrase-file | --root-key | --root-certificate)
        expects=$argument
        ;;
      --config | --timeout | --cpu | --memory | --isolation | --allow-host)
        expects=$argument
        ;;
      --prop | --expire-after | --ttl | --uses | --reason | --count | -c)
        expects=$argument
        ;;
      --on | --retries | --name | --port | --ips | --http | --static-http)
        expects=$argument
        ;;
      --log-level | --seed | --nodes | --at | --since | --owner | --lines | -n)
        expects=$argument
        ;;
      # pln refuses a value of a switch: it needs no daemon's rights for that.
      -d | --detach | -d=* | --detach=*) is_detached=true ;;
      --include-keys) includes_keys=true ;;
      -*) ;;
      *) take_plain "$argument" ;;
    esac
  done
}

# "root sign request.txt": the first word after the verb belongs to it.
take_plain() {
  if [ "$verb" = root ] && [ -z "$second_word" ]; then
    second_word=$1
  elif [ -z "$file" ]; then
    file=$1
  fi
}

add_read() {
  read_paths=${read_paths:+$read_paths,}$(grantable "$1")
}

add_write() {
  write_paths=${write_paths:+$write_paths,}$(grantable "$1")
}

# Reading and writing one directory, also where it is a link to another.
add_directory() {
  add_read "$1"
  add_write "$1"
  real=$(resolve_links "$1")
  [ "$real" = "$1" ] || add_directory "$real"
}

deny_read() {
  denied_reads=${denied_reads:+$denied_reads,}$(grantable "$1")
}

deny_write() {
  denied_writes=${denied_writes:+$denied_writes,}$(grantable "$1")
}

# Takes what the directory's right gives to one name in it, by all its names.
deny() {
  deny_by deny_read "$1"
  deny_by deny_write "$1"
}

deny_by() {
  "$1" "$dir/$2"
  real_dir=$(resolve_links "$dir")
  [ "$real_dir" = "$dir" ] || "$1" "$real_dir/$2"
}

# The log with its rotated files (limits.logFilesKept).
add_log() {
  for name in pln.log pln.log.1 pln.log.2 pln.log.3 pln.log.4; do
    add_read "$dir/$name"
  done
}

# Replacing config.yaml makes a file with a random name beside it, renames it
# and syncs the directory: flags cannot name that file, and the sync opens the
# directory itself. So it gets the directory without what else lies in it.
add_config() {
  add_directory "$dir"
  for name in keys certs journal replicas history store cache old peers.json \
    peers.json.damaged lock; do
    deny "$name"
  done
}

# Purge looks for names and removes them: it reads no key, and changes neither
# keys nor certificates unless told, those of clusters it left included. By a
# certificate it knows a node's directory. A name that is a link has to be
# looked at.
purge_rights() {
  add_directory "$dir"
  if $includes_keys; then
    deny_reading_keys
    return 0
  fi
  [ -L "$dir/keys" ] || deny keys
  [ -L "$dir/old" ] || deny old
  [ -L "$dir/certs" ] || deny_by deny_write certs
}

# Keys may be moved and removed, but not opened.
deny_reading_keys() {
  for file in "$dir"/keys/* "$dir"/keys/.tmp-* "$dir"/old/*/keys/*; do
    [ -f "$file" ] && [ ! -L "$file" ] || continue
    deny_by deny_read "${file#"$dir/"}"
  done
}

# Asking the daemon: fetch wants a host beside the socket, and to read and
# write the socket's file.
add_socket() {
  net="127.0.0.1:80,unix:$(grantable "$socket")"
  add_read "$socket"
  add_write "$socket"
}

# The table of DESIGN.md section 2.
choose_rights() {
  read_paths='' write_paths='' denied_reads='' denied_writes=''
  net='' sys='' run='' env=$common_env
  needs_directory=false is_daemon=false
  case $1 in
    status | inspect | call | unseed | recover | __complete) add_socket ;;
    invite | props | ping | history | diff | forget) add_socket ;;
    grant | deny | allow)
      add_socket
      add_root_key
      ;;
    root) root_rights ;;
    join) join_rights ;;
    leave)
      add_socket
      add_directory "$dir"
      deny_reading_keys
      ;;
    seed)
      add_socket
      comma_hint='Use standard input: pln seed - name <path'
      case $file in '' | -) ;; *) add_read "$(absolute "$file")" ;; esac
      ;;
    id) id_rights ;;
    logs) add_log ;;
    config)
      add_read "$dir/config.yaml"
      sys=hostname
      ;;
    down)
      add_socket
      add_read "$dir/lock"
      add_write "$dir/lock"
      ;;
    set | unset)
      add_socket
      add_config
      ;;
    purge) purge_rights ;;
    init)
      needs_directory=true
      add_directory "$dir"
      [ -z "$passphrase_file" ] || add_read "$(absolute "$passphrase_file")"
      ;;
    restart) starter_rights ;;
    up) if $is_detached; then starter_rights; else daemon_rights; fi ;;
  esac
}

# A decision of the root: its key, in the directory or elsewhere, and what goes
# with it. Keys of the node itself are no business of it.
add_root_key() {
  for path in keys/root.pem certs/root.pem; do
    add_read "$dir/$path"
    [ "$(resolve_links "$dir")" = "$dir" ] ||
      add_read "$(resolve_links "$dir")/$path"
  done
  for path in "$root_key" "$root_certificate" "$passphrase_file"; do
    [ -z "$path" ] || add_read "$(absolute "$path")"
  done
}

# Signing needs no daemon, and applying no key; both read one file, unless they
# are given the line itself.
root_rights() {
  case $second_word in
    sign) add_root_key ;;
    apply) add_socket ;;
    *) return 0 ;;
  esac
  comma_hint='Use standard input: pln root sign - <path'
  case $file in
    '' | - | pln-root-*:*) ;;
    *) add_read "$(absolute "$file")" ;;
  esac
}

# A directory without a node gets its key, so that an invite can name it. A root
# key that is kept there is not touched.
id_rights() {
  add_socket
  if [ -e "$dir/certs/member.pem" ]; then
    add_read "$dir/certs"
  else
    needs_directory=true
    add_directory "$dir"
    deny keys/root.pem
  fi
}

# Runs this launcher again and nothing else; it is never the daemon. It makes
# the keys of a node that has none, and touches no others.
starter_rights() {
  add_starter
  [ -e "$dir/certs/member.pem" ] || return 0
  deny keys
  deny old
}

# Dials from a port of its own, with the node's keys; those of another cluster
# move aside.
join_rights() {
  add_starter
  net=all
}

add_starter() {
  needs_directory=true
  add_socket
  add_directory "$dir"
  run=$(grantable "$self")
  env=$common_env,$starter_env
}

daemon_rights() {
  needs_directory=true
  is_daemon=true
  net=all
  sys=loadavg,systemMemoryInfo,hostname,networkInterfaces
  add_directory "$dir"
  add_read "$root"
  case $socket in
    */../*) add_outer_socket ;;
    "$dir"/*) ;;
    *) add_outer_socket ;;
  esac
}

# A socket outside the directory, and the place beside it where it is bound
# (nurseryOf in src/adapters/unix_socket.ts): never what else lies there.
add_outer_socket() {
  parent=${socket%/*}
  name=${socket##*/}
  nursery=.${name%.sock}~
  real_parent=$(resolve_links "${parent:-/}")
  for place in "$parent" "${real_parent%/}"; do
    add_read "$place/$name"
    add_write "$place/$name"
    add_read "$place/$nursery"
    add_write "$place/$nursery"
    [ "${real_parent%/}" != "$parent" ] || break
  done
}

self=$(resolve_links "$0")
root=$(cd "$(dirname "$self")/../.." && pwd)
self=$root/src/cli/launcher.sh

# `deno task` runs in the project, whatever directory the command was typed in.
base=$(pwd)
if [ "$base" = "$root" ] && [ -n "${INIT_CWD:-}" ]; then base=$INIT_CWD; fi

common_env=HOME,PLN_DIR,PLN_SOCK,PLN_CONTEXT,PLN_NAME,PLN_HTTP,PLN_STATIC_HTTP
common_env=$common_env,PLN_PORT,PLN_PUBLIC,PLN_IPS
common_env=$common_env,PLN_LOG_LEVEL,PLN_LAUNCHER,PLN_DENO,NO_COLOR,INIT_CWD
common_env=$common_env,TERM,COLUMNS,CI
starter_env=PATH,TMPDIR,XDG_CACHE_HOME,DENO_DIR,DENO_TLS_CA_STORE
starter_env=$starter_env,LD_LIBRARY_PATH

prints=false
if [ "${1:-}" = --print-rights ]; then
  prints=true
  shift
fi
verb=${1:-help}
[ $# -gt 0 ] || set -- help
read_arguments "$@"
dir=$given_dir
[ -n "$dir" ] || dir=${PLN_DIR:-}
[ -n "$dir" ] || dir=${HOME:+$HOME/.pln}
is_named=true
[ -n "$dir" ] || is_named=false
dir=$(absolute "${dir:-.pln}")
socket=$dir/pln.sock
[ -z "${PLN_SOCK:-}" ] || socket=$(absolute "$PLN_SOCK")
comma_hint='Choose a path without one: --dir, PLN_DIR or PLN_SOCK'
choose_rights "$verb"

# Flags go in front, the last one first.
if $prints; then set --; else set -- "$root/main.ts" "$@"; fi
if $is_daemon; then
  # Of young objects, which else take 10 to 30 MB and nothing is faster for it.
  set -- --v8-flags=--max-semi-space-size=2 "$@"
  # glibc's, which gives back little unless told: 5 MB of a node among twenty.
  export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
  export MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_:-131072}"
else
  # What is imported later has to be readable. Deno would read all of it before
  # it runs any, 400 files, but for this flag: 13 ms less for a verb. The daemon
  # does without: its threads may read nothing, and import all the same.
  comma_hint='Move pln to a path without one'
  own_code="--allow-read=$(grantable "$root/src")"
  set -- --unstable-lazy-dynamic-imports "$own_code" "$@"
fi
[ -z "$run" ] || set -- "--allow-run=$run" "$@"
[ -z "$sys" ] || set -- "--allow-sys=$sys" "$@"
[ -z "$denied_writes" ] || set -- "--deny-write=$denied_writes" "$@"
[ -z "$denied_reads" ] || set -- "--deny-read=$denied_reads" "$@"
[ -z "$write_paths" ] || set -- "--allow-write=$write_paths" "$@"
[ -z "$read_paths" ] || set -- "--allow-read=$read_paths" "$@"
case $net in
  '') ;;
  all) set -- --allow-net "$@" ;;
  *) set -- "--allow-net=$net" "$@" ;;
esac
set -- --quiet --cached-only "--config=$root/deno.json" --no-prompt \
  --deny-import --deny-net=169.254.169.254 \
  --ignore-env "--allow-env=$env" "$@"

if $prints; then
  printf '%s\n' "$@"
  exit 0
fi
find_deno
[ ! -e "$root/deno.lock" ] || [ -z "${HOME:-}" ] || fill_cache
# A directory that pln will refuse is not made.
if $needs_directory && $is_named && [ ! -e "$dir" ] && fits "$socket"; then
  (umask 077 && mkdir -p "$dir") 2>/dev/null || fail "Cannot make $dir" \
    'Check who owns the directory above it, or choose another --dir' 4
fi
export INIT_CWD="$base" PLN_LAUNCHER="$self" DENO_NO_UPDATE_CHECK=1
# What seeds fetch is trusted as the rest of the machine trusts it.
export DENO_TLS_CA_STORE="${DENO_TLS_CA_STORE:-system,mozilla}"
# Nobody may be told to note the keys by which that is encrypted.
unset SSLKEYLOGFILE
exec "$deno" run "$@"
