# common.sh - finds what is missing of scripts/packages, and installs it where that can be done.
#
# Sourced by scripts/test, scripts/demo and .ci/run; not a program. POSIX sh. Only Debian's packages are
# installed, only those whose sign is absent, and never without saying which and why. On another system
# the list is printed and the caller stops.

packages_file="$root/scripts/packages"

# True when the thing that a sign of scripts/packages stands for is there.
is_present() {
  case "$1" in
    cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
    pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
    lua:*) lua5.4 -e "require '${1#lua:}'" >/dev/null 2>&1 ;;
    header:*) echo "#include <${1#header:}>" | cc -E -x c - >/dev/null 2>&1 ;;
    clang:fuzzer)
      echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }' |
        clang -w -fsanitize=fuzzer,address -x c - -o /dev/null >/dev/null 2>&1
      ;;
    *)
      echo "scripts/packages: unknown sign $1" >&2
      exit 2
      ;;
  esac
}

# Prints "package why" for every package of the sets named that is missing.
list_missing() {
  sed '/^#/d; /^[[:space:]]*$/d' "$packages_file" | while read -r set package sign why; do
    case " $* " in
      *" $set "*) is_present "$sign" || printf '%-19s %s\n' "$package" "$why" ;;
    esac
  done
}

# Root already, sudo, or nothing. Without a terminal sudo must not ask for a password.
find_root() {
  if [ "$(id -u)" = 0 ]; then
    as_root=""
  elif command -v sudo >/dev/null 2>&1; then
    if [ -t 0 ] && [ "${CI:-}" != true ]; then as_root="sudo"; else as_root="sudo -n"; fi
  else
    return 1
  fi
}

apt_get() {
  $as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -q -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# Makes sure that the packages of the sets named are there, or stops the caller with status 1.
need() {
  missing=$(list_missing "$@")
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "luahub needs the following, under the names that Debian 12 gives them. This system has no apt-get:" >&2
    echo "install what it calls these, then run this again." >&2
    printf '%s\n' "$missing" | sed 's/^/  /' >&2
    exit 1
  fi
  if ! find_root; then
    echo "luahub needs these packages. Install them as root (there is no sudo here), then run this again:" >&2
    printf '%s\n' "$missing" | sed 's/^/  /' >&2
    exit 1
  fi
  echo "Installing with apt-get${as_root:+ through sudo}:"
  printf '%s\n' "$missing" | sed 's/^/  /'
  # One source that does not answer must not stop us: what counts is whether the packages can be had.
  apt_get update >/dev/null || echo "apt-get update had errors; trying with the lists that are there" >&2
  if ! apt_get install -y --no-install-recommends $(printf '%s\n' "$missing" | cut -d' ' -f1); then
    echo "apt-get could not install the packages above." >&2
    exit 1
  fi
  missing=$(list_missing "$@")
  if [ -n "$missing" ]; then
    echo "Installed, and still not found (another version in the way?):" >&2
    printf '%s\n' "$missing" | sed 's/^/  /' >&2
    exit 1
  fi
}

# How many make jobs this machine has cores for.
jobs() { getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1; }
