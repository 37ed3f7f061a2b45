/**
 * The three small shell programs of a start. They hold no agent input: what varies comes as arguments.
 *
 * Descriptors: 3 is the runtime, 4 the log pipe's writing end, 5 bubblewrap's status, 6 the filter, 7 its options.
 */

/** Place of the init stage inside a sandbox. */
export const initPath = '/etc/sallyport/init';
export const routesPath = '/etc/sallyport/routes';

/** With these every address is local to the sandbox, so the supervisor's listeners accept any connect. */
export const routes = 'route add local default dev lo\nroute add local ::/0 dev lo\n';

/**
 * Outside, in the workload's folder: joins the groups, makes the log pipe, runs bubblewrap under a deadline of its own and
 * writes down how that ended. Arguments: deadline in seconds, mount view or `-`, uid, file of the filter, number of groups,
 * the groups, then what runs inside.
 *
 * On v1 the shell joins as its one thread: the kernel then skips a lock that costs milliseconds.
 *
 * The shell keeps the log pipe open for reading, so that a sandbox outlives the runtime that reads it. `timeout` is told
 * TERM because its answer to that, 124, tells a deadline from every other death of bubblewrap.
 */
export const keeperScript = `
deadline=$1 view=$2 uid=$3 filter=$4 groups=$5
shift 5
while [ "$groups" -gt 0 ]; do
  if [ -e "$1/tasks" ]; then echo 0 > "$1/tasks"; else echo 0 > "$1/cgroup.procs"; fi || exit 97
  shift
  groups=$((groups - 1))
done
mkfifo -m 622 log || exit 98
exec 9<>log
case $view in
  -) set -- bwrap --args 7 --seccomp 6 --json-status-fd 5 -- "$@" ;;
  *) set -- nsenter "--mount=$view" "--setuid=$uid" "--setgid=$uid" bwrap --args 7 --seccomp 6 --json-status-fd 5 -- "$@" ;;
esac
timeout --foreground -k 5 "$deadline" "$@" 4>log 5>status 6<"$filter" 7<options 9<&-
echo $? > ended
`;

/**
 * Inside, as the first program: a word to the runtime, which takes note of the sandbox meanwhile; the routes, every port free to
 * listen on, the limits of single processes; then, once the runtime says so, the workload's program without a capability left.
 * Arguments: kind of limits, open files, file size in 512-byte blocks, processes, data segment in KiB, then the program.
 */
export const initScript = `
echo ready >&3
echo 500 > /proc/self/oom_score_adj
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
ip -force -batch ${routesPath}
kind=$1 files=$2 blocks=$3 processes=$4 data=$5
shift 5
ulimit -c 0
ulimit -f "$blocks"
ulimit -n "$files"
if [ "$kind" = process ]; then
  { ulimit -p "$processes" || ulimit -u "$processes"; } 2>/dev/null
  ulimit -d "$data"
fi
read -r go <&3 && [ "$go" = go ] || exit 96
exec setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all -- "$@" >&4 2>&4 4>&- 3>&-
`;

/**
 * Root only, once per runtime: a mount view in which an unprivileged uid reaches the runtime's folders without passing through
 * their parents, which are often closed to it. It lies over `/sys`, which no later stage needs, and lives while its standard
 * input is open or a sandbox is in it. Arguments: pairs of a source and a name.
 */
export const viewScript = `
set -e
mount -t tmpfs -o mode=0711,size=1m,nosuid,nodev sallyport /sys
while [ $# -gt 0 ]; do
  if [ -d "$1" ]; then mkdir "/sys/$2"; else : > "/sys/$2"; fi
  mount --bind "$1" "/sys/$2"
  shift 2
done
echo ready
read -r end
`;
