#!/usr/bin/env bash
# A Slurm of several nodes on this host, without systemd: slurm.sh start FOLDER NODES | stop FOLDER
# Needs root and Debian's packages slurmctld, slurmd, slurm-client and munge. SLURM_CONF is FOLDER/slurm.conf.
set -euo pipefail
command=$1
folder=$(realpath -m "$2")

start() {
  local nodes=$1 host cpus memory
  host=$(hostname -s)
  cpus=$(nproc)
  memory=$(awk '/MemTotal/ { print int($2 / 1024) - 512 }' /proc/meminfo)
  mkdir -p "$folder"/{state,spool,log,run}
  # The daemon refuses keys and sockets that others could write to.
  install -d -o munge -g munge -m 0711 "$folder/munge"
  install -d -o munge -g munge -m 0755 "$folder/munge/socket"
  dd if=/dev/urandom of="$folder/munge/key" bs=1024 count=1 status=none
  chown munge:munge "$folder/munge/key" && chmod 0400 "$folder/munge/key"
  runuser -u munge -- /usr/sbin/munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket/munge" \
    --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"
  cat > "$folder/slurm.conf" <<EOF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=17817
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket/munge,cred_expire=5
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd-%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd-%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0
JobRequeue=0
ReturnToService=2
MaxArraySize=1001
EOF
  for ((i = 1; i <= nodes; i++)); do
    echo "NodeName=node$i NodeHostname=$host NodeAddr=127.0.0.1 Port=$((17900 + i)) CPUs=$cpus RealMemory=$memory State=UNKNOWN" >> "$folder/slurm.conf"
  done
  echo "PartitionName=main Nodes=node[1-$nodes] Default=YES MaxTime=30 State=UP" >> "$folder/slurm.conf"
  export SLURM_CONF="$folder/slurm.conf"
  slurmctld
  for ((i = 1; i <= nodes; i++)); do slurmd -N "node$i"; done
  for _ in $(seq 60); do
    [ "$(sinfo -h -N -o %t | grep -c '^idle')" -ge "$nodes" ] && return
    sleep 0.5
  done
  sinfo -N -l >&2
  tail -n 20 "$folder"/log/*.log >&2
  echo "the nodes did not come up" >&2
  return 1
}

stop() {
  for pid in "$folder"/run/*.pid "$folder/munge/pid"; do
    [ -f "$pid" ] && kill "$(cat "$pid")" 2> /dev/null || true
  done
}

case $command in
  start) start "$3" ;;
  stop) stop ;;
esac
