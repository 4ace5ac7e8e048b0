# What registrywatcher may do in one namespace, and nothing more. For the job beside this file:
#
#   nomad acl policy apply -namespace default -job registrywatcher registrywatcher config/nomad/registrywatcher.policy.hcl
#
# or, for a token of its own (NOMAD_TOKEN or NOMAD_TOKEN_FILE):
#
#   nomad acl policy apply registrywatcher config/nomad/registrywatcher.policy.hcl
#   nomad acl token create -name=registrywatcher -policy=registrywatcher
#
# Repeat the block for each namespace that is watched. It is enough on every version:
#
#   read-job     jobs, their versions and sources, deployments, evaluations, allocations
#   submit-job   plan and register; parse a changed source; promote and fail deployments
#   read-logs    the last lines of a failed task, in the notification; without it everything else works
#
# Nomad 1.11.2 and newer have a capability for each step, in the place of submit-job, which may also stop and revert jobs:
#
#   capabilities = ["read-job", "plan-job", "register-job", "parse-job", "promote-deployment", "fail-deployment", "read-logs"]
#
#   plan-job             see before registering what would change; without it registrations go unchecked
#   register-job         deploy
#   parse-job            keep a job's source true to it; without it the source is stale after a deploy
#   promote-deployment   only where canaries are promoted from here
#   fail-deployment      only where deployments are failed from here
#
# A registration is refused where the job needs more, as when a person registers it:
#
#   csi-mount-volume among the capabilities      for jobs with CSI volumes
#   csi-register-plugin among the capabilities   for CSI plugins
#   host_volume "certs" { policy = "write" }     beside the block, for jobs with that host volume ("read" if read_only)
namespace "default" {
  capabilities = ["read-job", "submit-job", "read-logs"]
}
