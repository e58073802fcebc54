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

# Google accepts calls to a new service only some time after it has enabled the service. One timer per service, so that a
# service which an option adds later leaves the others alone. The services are enabled at the same time, and so are the
# timers.
resource "time_sleep" "usable" {
  for_each = google_project_service.needed

  create_duration = "90s"
}

# No depends_on: Terraform would read the number only during apply whenever an option changes a service, and replace
# everything that contains the number, such as all grants of passwords.
data "google_project" "this" {}

# Google keeps the name of a deleted workload identity pool, custom role or log bucket for days or weeks. Their names end in
# the time of the first apply, so a second installation in the same project has new names.
resource "time_static" "installation" {}
