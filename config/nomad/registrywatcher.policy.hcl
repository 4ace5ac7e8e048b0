# What registrywatcher may do in one namespace: read jobs, their deployments, evaluations and allocations, and register
# them. For the job beside this file:
#
#   nomad acl policy apply -namespace default -job registrywatcher registrywatcher config/nomad/registrywatcher.policy.hcl
#
# or, for a token of its own (NOMAD_TOKEN or NOMAD_TOKEN_FILE):
#
#   nomad acl policy apply registrywatcher config/nomad/registrywatcher.policy.hcl
#   nomad acl token create -name=registrywatcher -policy=registrywatcher
#
# Repeat the block for each namespace that is watched. Jobs with host volumes or CSI volumes need what registering them by
# hand needs: a `host_volume` rule, or `csi-mount-volume` among the capabilities.
namespace "default" {
  capabilities = ["list-jobs", "read-job", "submit-job"]
}
