# --- the same in every job -------------------------------------------------------------------------------------------
# Slurm sends USR1 some time before the limit, and TERM when it takes the job away. Either makes romtool finish its step,
# keep it, and leave with exit code 75; the same command then goes on. A job that met its limit is queued again as long
# as it gets on. What may not be lost is on disk at any time, so that a lost node costs one step.
export TERM=dumb COLUMNS=160 # plain logs, also where a launcher gives its ranks a terminal
child='' asked='' signals=0
# shellcheck disable=SC2317 # the traps call it
ask() {
  asked=$1 signals=$((signals + 1))
  [ -z "$child" ] || kill -USR1 "$child" 2>/dev/null
}
trap 'ask limit' USR1
trap 'ask end' TERM

say() { printf '[%s job %s] %s\n' "$(date '+%F %T')" "${SLURM_JOB_ID:-none}" "$*" >&2; }

# The first launcher under which all ranks find each other: with another PMI than MPI's, each would work alone.
find_launcher() {
  launch=()
  [ "$tasks" -gt 1 ] || return 0
  local candidate answer=''
  for candidate in "${launchers[@]}"; do
    read -ra launch <<<"$candidate"
    answer=$(timeout 300 "${launch[@]}" "${romtool[@]}" doctor --ranks "$tasks" </dev/null 2>&1) && return 0
    say "not started by '$candidate': $(tail -n 1 <<<"$answer")"
  done
  say "no launcher brings $tasks ranks together; see 'romtool doctor', and name one in [slurm] launcher of the site file"
  return 1
}

# What the command has on disk: names, sizes and times of its files, but those that every start writes anew.
state() {
  find "${outputs[@]}" -type f ! -name '*.log' ! -name '.*.lock' ! -name key -printf '%p %s %T@\n' 2>/dev/null |
    sort | cksum
}

find_launcher || exit 1
before=$(state)
[ -z "$asked" ] || exit 75
"${launch[@]}" "${romtool[@]}" "${command[@]}" </dev/null &
child=$!
while :; do
  seen=$signals
  wait "$child"
  code=$?
  [ "$seen" != "$signals" ] || break # the command has ended; otherwise a signal has ended the wait
done

if [ "$code" = 75 ] && [ "$asked" = limit ]; then
  if [ "${SLURM_RESTART_COUNT:-0}" -ge "$requeues" ]; then
    say "not queued again: $requeues times already; submit it once more and it goes on"
  elif [ "$before" = "$(state)" ]; then
    say "not queued again: it did not get on in its time; give it a longer one"
  else
    say "queued again: its time was over"
    scontrol requeue "$SLURM_JOB_ID"
  fi
fi
exit "$code"
