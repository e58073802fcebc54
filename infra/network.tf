resource "google_compute_network" "wrpi" {
  name                    = "wrpi"
  auto_create_subnetworks = false

  depends_on = [time_sleep.usable]
}

resource "google_compute_subnetwork" "wrpi" {
  name                     = "wrpi"
  network                  = google_compute_network.wrpi.id
  region                   = var.region
  ip_cidr_range            = "10.10.0.0/20"
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = "10.20.0.0/16"
  }
  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = "10.30.0.0/20"
  }

  # 10 % of the flows show which hosts talk to each other, at 10 % of the cost.
  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

# Logs which names the pods and nodes look up.
resource "google_dns_policy" "wrpi" {
  name           = "wrpi"
  enable_logging = true
  networks {
    network_url = google_compute_network.wrpi.id
  }
}

# Nodes have no public address. Alertmanager needs NAT to send alerts to a pager or a chat.
resource "google_compute_router" "wrpi" {
  name    = "wrpi"
  network = google_compute_network.wrpi.id
  region  = var.region
}

resource "google_compute_router_nat" "wrpi" {
  name                               = "wrpi"
  router                             = google_compute_router.wrpi.name
  region                             = var.region
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"

  subnetwork {
    name                    = google_compute_subnetwork.wrpi.id
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}
