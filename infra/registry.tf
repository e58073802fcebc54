# The registries from which the private nodes pull. The first two are caches that fetch an image at its first pull.
resource "google_artifact_registry_repository" "releases" {
  repository_id = "ghcr"
  description   = "Caches the project's releases from ghcr.io."
  location      = var.region
  format        = "DOCKER"
  mode          = "REMOTE_REPOSITORY"

  remote_repository_config {
    docker_repository {
      custom_repository {
        uri = "https://ghcr.io"
      }
    }
  }

  depends_on = [time_sleep.usable]
}

resource "google_artifact_registry_repository" "docker_hub" {
  repository_id = "docker-hub"
  description   = "Caches the Redis image from Docker Hub."
  location      = var.region
  format        = "DOCKER"
  mode          = "REMOTE_REPOSITORY"

  remote_repository_config {
    docker_repository {
      public_repository = "DOCKER_HUB"
    }
  }

  depends_on = [time_sleep.usable]
}

resource "google_artifact_registry_repository" "own" {
  repository_id = "wrpi"
  description   = "Holds images that you build yourself."
  location      = var.region
  format        = "DOCKER"
  mode          = "STANDARD_REPOSITORY"

  docker_config {
    immutable_tags = true
  }
  vulnerability_scanning_config {
    enablement_config = "INHERITED"
  }

  # Keeps tagged images, because a rollback may need them.
  cleanup_policies {
    id     = "untagged"
    action = "DELETE"
    condition {
      tag_state  = "UNTAGGED"
      older_than = "30d"
    }
  }

  depends_on = [time_sleep.usable]
}

locals {
  repositories = {
    releases   = google_artifact_registry_repository.releases
    docker_hub = google_artifact_registry_repository.docker_hub
    own        = google_artifact_registry_repository.own
  }
}

resource "google_artifact_registry_repository_iam_member" "nodes" {
  for_each = local.repositories

  location   = each.value.location
  repository = each.value.repository_id
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.nodes.member
}
