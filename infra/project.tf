# The Google services that the other files need, and the labels of all resources.
locals {
  labels = {
    app        = "wrpi"
    managed-by = "terraform"
  }

  services = concat([
    "artifactregistry.googleapis.com",
    "billingbudgets.googleapis.com",
    "certificatemanager.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "containerscanning.googleapis.com",
    "containersecurity.googleapis.com",
    "dns.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "secretmanager.googleapis.com",
    "sts.googleapis.com",
  ], var.memorystore ? ["redis.googleapis.com", "servicenetworking.googleapis.com"] : [])
}

resource "google_project_service" "needed" {
  for_each = toset(local.services)

  service            = each.key
  disable_on_destroy = false # other parts of the project may use it
}

data "google_project" "this" {
  depends_on = [google_project_service.needed]
}
