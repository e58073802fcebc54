# Private nodes pull from here alone. The first two are caches: they fetch an image when it is first asked for.
resource "google_artifact_registry_repository" "releases" {
  repository_id = "ghcr"
  description   = "Cache of the project's releases."
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

  depends_on = [google_project_service.needed]
}

resource "google_artifact_registry_repository" "docker_hub" {
  repository_id = "docker-hub"
  description   = "Cache of Docker Hub, for Redis."
  location      = var.region
  format        = "DOCKER"
  mode          = "REMOTE_REPOSITORY"

  remote_repository_config {
    docker_repository {
      public_repository = "DOCKER_HUB"
    }
  }

  depends_on = [google_project_service.needed]
}

resource "google_artifact_registry_repository" "own" {
  repository_id = "wrpi"
  description   = "For those who build their own images."
  location      = var.region
  format        = "DOCKER"
  mode          = "STANDARD_REPOSITORY"

  docker_config {
    immutable_tags = true
  }
  vulnerability_scanning_config {
    enablement_config = "INHERITED"
  }

  # What has a tag stays: a roll-back may need it.
  cleanup_policies {
    id     = "untagged"
    action = "DELETE"
    condition {
      tag_state  = "UNTAGGED"
      older_than = "30d"
    }
  }

  depends_on = [google_project_service.needed]
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
