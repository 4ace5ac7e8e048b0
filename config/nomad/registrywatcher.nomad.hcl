# registrywatcher as a Nomad job. Postgres and Redis (or Valkey) are elsewhere; the image is made by the Dockerfile.
#
#   nomad acl policy apply -namespace default -job registrywatcher registrywatcher config/nomad/registrywatcher.policy.hcl
#   nomad var put nomad/jobs/registrywatcher database_url=… redis_url=… webhook_secret=… api_token=…
#   nomad job run -var image=registry.example.com/registrywatcher:0.1.0 config/nomad/registrywatcher.nomad.hcl
#
# The processes use Nomad's API through the socket of their own allocation, with their workload identity: no token is
# stored. On a cluster without ACLs, the first command is not needed.

variable "image" {
  type        = string
  description = "The image of registrywatcher."
}

variable "config" {
  type        = string
  default     = "config/staging.toml"
  description = "The configuration, a local file; its secrets belong in the variable nomad/jobs/registrywatcher."
}

locals {
  config = file(var.config)

  # The names are those of Nomad and registrywatcher; the template below adds the secrets.
  environment = {
    REGISTRYWATCHER_CONFIG                   = "${NOMAD_TASK_DIR}/config.toml"
    REGISTRYWATCHER_SERVER_LISTENING_ADDRESS = ":8080"
    REGISTRYWATCHER_HEALTH_ADDRESS           = ":8081" # of worker and poller
    NOMAD_ADDR                               = "unix://${NOMAD_SECRETS_DIR}/api.sock"
    NOMAD_TOKEN_FILE                         = "${NOMAD_SECRETS_DIR}/nomad_token"
  }

  secrets = <<-EOT
    {{ with nomadVar "nomad/jobs/registrywatcher" }}
    DATABASE_URL="{{ .database_url }}"
    REDIS_URL="{{ .redis_url }}"
    REGISTRYWATCHER_WEBHOOKS__DISTRIBUTION__SECRET="{{ .webhook_secret }}"
    REGISTRYWATCHER_API_TOKENS__ADMIN__ROLE=admin
    REGISTRYWATCHER_API_TOKENS__ADMIN__TOKEN="{{ .api_token }}"
    {{ end }}
  EOT
}

job "registrywatcher" {
  type = "service"

  update {
    max_parallel     = 1
    min_healthy_time = "10s"
    healthy_deadline = "3m"
    auto_revert      = true
  }

  group "web" {
    count = 2

    network {
      port "http" {
        to = 8080
      }
    }

    service {
      name     = "registrywatcher"
      port     = "http"
      provider = "nomad"

      check {
        type     = "http"
        path     = "/readyz"
        interval = "10s"
        timeout  = "3s"
      }
    }

    # Runs before each web; the migrations take an advisory lock, so that two at once do no harm.
    task "migrate" {
      driver = "docker"

      lifecycle {
        hook    = "prestart"
        sidecar = false
      }

      identity {
        file = true
      }

      config {
        image           = var.image
        args            = ["migrate"]
        readonly_rootfs = true
        cap_drop        = ["all"]
      }

      env = local.environment

      template {
        data            = local.config
        destination     = "local/config.toml"
        left_delimiter  = "{{{{" # so that braces in the file are not read as a template
        right_delimiter = "}}}}"
      }

      template {
        data        = local.secrets
        destination = "secrets/environment"
        env         = true
      }

      resources {
        cpu    = 100
        memory = 128
      }
    }

    task "web" {
      driver       = "docker"
      kill_timeout = "45s"

      identity {
        file = true
      }

      config {
        image           = var.image
        args            = ["web"]
        ports           = ["http"]
        readonly_rootfs = true
        cap_drop        = ["all"]
      }

      env = local.environment

      template {
        data            = local.config
        destination     = "local/config.toml"
        left_delimiter  = "{{{{"
        right_delimiter = "}}}}"
      }

      template {
        data        = local.secrets
        destination = "secrets/environment"
        env         = true
      }

      resources {
        cpu    = 300
        memory = 256
      }
    }
  }

  # These two groups wait by themselves until the schema exists.
  group "worker" {
    count = 2

    network {
      port "health" {
        to = 8081
      }
    }

    service {
      name     = "registrywatcher-worker"
      port     = "health"
      provider = "nomad"

      check {
        name     = "ready"
        type     = "http"
        path     = "/readyz"
        interval = "10s"
        timeout  = "3s"
      }

      # Nothing but a restart helps when this one fails.
      check {
        name     = "alive"
        type     = "http"
        path     = "/healthz"
        interval = "10s"
        timeout  = "5s"

        check_restart {
          limit = 6
          grace = "60s"
        }
      }
    }

    task "worker" {
      driver       = "docker"
      kill_timeout = "45s"

      identity {
        file = true
      }

      config {
        image           = var.image
        args            = ["worker"]
        ports           = ["health"]
        readonly_rootfs = true
        cap_drop        = ["all"]
      }

      env = local.environment

      template {
        data            = local.config
        destination     = "local/config.toml"
        left_delimiter  = "{{{{"
        right_delimiter = "}}}}"
      }

      template {
        data        = local.secrets
        destination = "secrets/environment"
        env         = true
      }

      resources {
        cpu    = 300
        memory = 256
      }
    }
  }

  group "poller" {
    network {
      port "health" {
        to = 8081
      }
    }

    service {
      name     = "registrywatcher-poller"
      port     = "health"
      provider = "nomad"

      check {
        name     = "ready"
        type     = "http"
        path     = "/readyz"
        interval = "10s"
        timeout  = "3s"
      }

      # Nothing but a restart helps when this one fails.
      check {
        name     = "alive"
        type     = "http"
        path     = "/healthz"
        interval = "10s"
        timeout  = "5s"

        check_restart {
          limit = 6
          grace = "60s"
        }
      }
    }

    task "poller" {
      driver       = "docker"
      kill_timeout = "45s"

      identity {
        file = true
      }

      config {
        image           = var.image
        args            = ["poller"]
        ports           = ["health"]
        readonly_rootfs = true
        cap_drop        = ["all"]
      }

      env = local.environment

      template {
        data            = local.config
        destination     = "local/config.toml"
        left_delimiter  = "{{{{"
        right_delimiter = "}}}}"
      }

      template {
        data        = local.secrets
        destination = "secrets/environment"
        env         = true
      }

      resources {
        cpu    = 100
        memory = 256
      }
    }
  }
}
