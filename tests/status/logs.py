"""What SLURM 22.05 wrote into the logs of jobs that it ended; `at` is when."""

OOM = """\
slurmstepd-n2: error: StepId=8.0 exceeded memory limit (808931328 > 104857600), being killed
slurmstepd-n2: error: Exceeded job memory limit
slurmstepd-n2: error: *** STEP 8.0 ON n2 CANCELLED AT {at} ***
srun: Job step aborted: Waiting up to 7 seconds for job step to finish.
slurmstepd-n2: error: StepId=8.0 exceeded memory limit (808931328 > 104857600), being killed
srun: error: n2: task 0: Killed
slurmstepd-n2: error: Exceeded job memory limit
"""
CGROUP_OOM = """\
slurmstepd: error: Detected 1 oom_kill event in StepId=8.0. Some of the step tasks have been OOM \
Killed.
srun: error: n2: task 0: Out Of Memory
"""
TIME_LIMIT = """\
slurmstepd-n2: error: *** JOB 4 ON n2 CANCELLED AT {at} DUE TO TIME LIMIT ***
srun: Job step aborted: Waiting up to 7 seconds for job step to finish.
srun: got SIGCONT
srun: forcing job termination
srun: error: n2: task 0: Terminated
"""
CANCELLED = """\
srun: got SIGCONT
slurmstepd-n2: error: *** JOB 9 ON n2 CANCELLED AT {at} ***
srun: forcing job termination
"""
REQUEUED = """\
slurmstepd-n1: error: *** STEP 59.0 ON n1 CANCELLED AT {at} DUE TO JOB REQUEUE ***
slurmstepd-n1: error: *** JOB 59 ON n1 CANCELLED AT {at} DUE TO JOB REQUEUE ***
"""
PREEMPTED = """\
slurmstepd-n1: error: *** STEP 16.0 ON n1 CANCELLED AT {at} DUE TO PREEMPTION ***
slurmstepd-n1: error: *** JOB 16 ON n1 CANCELLED AT {at} DUE TO PREEMPTION ***
srun: got SIGCONT
"""
NODE_FAILED = """\
srun: error: Node failure on n2
srun: Job step aborted: Waiting up to 7 seconds for job step to finish.
"""
CRASHED = """\
phasegrok.launch.local.WorkerLost: a worker process ended with code -9
srun: error: n2: task 0: Exited with exit code 1
"""
