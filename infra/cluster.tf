# Nodes may only write logs and metrics, and pull images (registry.tf).
resource "google_service_account" "nodes" {
  account_id   = "wrpi-nodes"
  display_name = "WRPI nodes"

  depends_on = [time_sleep.usable]
}

resource "google_project_iam_member" "nodes" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes.member
}

# An Autopilot cluster: Google operates hardened nodes with Dataplane V2 (which enforces network policies), Workload
# Identity and Managed Service for Prometheus.
resource "google_container_cluster" "wrpi" {
  name                = "wrpi"
  location            = var.region
  enable_autopilot    = true
  deletion_protection = var.deletion_protection

  network    = google_compute_network.wrpi.id
  subnetwork = google_compute_subnetwork.wrpi.id
  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes = true
  }

  # The control plane has no IP endpoint that could be scanned. It is reached through its DNS name, which IAM protects.
  control_plane_endpoints_config {
    dns_endpoint_config {
      allow_external_traffic = true
    }
    ip_endpoints_config {
      enabled = false
    }
  }
  rbac_binding_config {
    enable_insecure_binding_system_authenticated   = false
    enable_insecure_binding_system_unauthenticated = false
  }

  cluster_autoscaling {
    auto_provisioning_defaults {
      service_account = google_service_account.nodes.email
      oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"] # IAM limits the account
    }
  }

  release_channel {
    channel = "REGULAR"
  }
  maintenance_policy {
    recurring_window { # early, Monday to Thursday: people are at work soon after
      start_time = "2026-01-05T03:00:00Z"
      end_time   = "2026-01-05T07:00:00Z"
      recurrence = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH"
    }
  }

  secret_manager_config {
    enabled = true
  }
  gateway_api_config {
    channel = "CHANNEL_STANDARD"
  }
  security_posture_config {
    mode               = "BASIC"
    vulnerability_mode = "VULNERABILITY_DISABLED" # discontinued by Google; Artifact Registry scans the images
  }

  depends_on = [google_project_iam_member.nodes]
}
