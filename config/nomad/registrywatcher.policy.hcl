# The rights that registrywatcher needs in one namespace. For the job of registrywatcher.nomad.hcl:
#
#   nomad acl policy apply -namespace default -job registrywatcher registrywatcher config/nomad/registrywatcher.policy.hcl
#
# or, for a token of its own (NOMAD_TOKEN or NOMAD_TOKEN_FILE):
#
#   nomad acl policy apply registrywatcher config/nomad/registrywatcher.policy.hcl
#   nomad acl token create -name=registrywatcher -policy=registrywatcher
#
# Repeat the block for each watched namespace. It is enough on every version:
#
#   read-job     jobs, their versions and sources, deployments, evaluations, allocations, and the events about them
#   list-jobs    find what changed while events were missed in one list; without it every job is read then
#   submit-job   plan and register; parse a changed source; promote and fail deployments
#   read-logs    the last lines of a failed task, in the notification; everything else works without it
#
# Nomad 1.11.2 and newer have a capability for each step instead of submit-job, which may also stop and revert jobs:
#
#   capabilities = ["read-job", "list-jobs", "plan-job", "register-job", "parse-job", "promote-deployment", "fail-deployment", "read-logs"]
#
#   plan-job             check the changes before registering; without it registrations are not checked
#   register-job         deploy
#   parse-job            keep a job's source current; without it the source is stale after a deploy
#   promote-deployment   only if registrywatcher promotes canaries
#   fail-deployment      only if registrywatcher fails deployments
#
# Nomad refuses a registration if the job needs more rights, as for a person who registers it:
#
#   csi-mount-volume among the capabilities      for jobs with CSI volumes
#   csi-register-plugin among the capabilities   for CSI plugins
#   host_volume "certs" { policy = "write" }     beside the block, for jobs with that host volume ("read" if read_only)
namespace "default" {
  capabilities = ["read-job", "list-jobs", "submit-job", "read-logs"]
}
