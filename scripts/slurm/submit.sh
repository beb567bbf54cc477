#!/bin/bash
# Submits the jobs; one whose predecessor fails is taken out of the queue.
set -euo pipefail
number() { echo "${1%%;*}"; }
job_import=$(number "$(sbatch --parsable import.sbatch)")
echo "import $job_import"
job_offline=$(number "$(sbatch --parsable "--dependency=afterok:${job_import}" --kill-on-invalid-dep=yes offline.sbatch)")
echo "offline $job_offline"
job_online=$(number "$(sbatch --parsable "--dependency=afterok:${job_offline}" --kill-on-invalid-dep=yes online.sbatch)")
echo "online $job_online"
job_report=$(number "$(sbatch --parsable "--dependency=afterok:${job_online}" --kill-on-invalid-dep=yes report.sbatch)")
echo "report $job_report"
