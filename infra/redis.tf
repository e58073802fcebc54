# Memorystore, off by default. It costs 36 USD a month. It has a single user with all rights; the Redis in the cluster has
# one restricted user per service. The provider stores its AUTH string in the state, so anyone who can read the state
# bucket and reach the network can log in.

# The range is free. It exists without Memorystore too, so that switching back never deletes an address that Google's side
# of the peering still uses.
resource "google_compute_global_address" "services" {
  name          = "wrpi-services"
  network       = google_compute_network.wrpi.id
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 24
}

resource "google_service_networking_connection" "services" {
  count = var.memorystore ? 1 : 0

  network                 = google_compute_network.wrpi.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]
  deletion_policy         = "REMOVE_PEERING" # Google refuses DELETE for hours after the instance is deleted
}

resource "google_redis_instance" "wrpi" {
  count = var.memorystore ? 1 : 0

  name                    = "wrpi"
  region                  = var.region
  tier                    = "BASIC" # no replica: the updater rewrites the data every minute
  memory_size_gb          = 1
  redis_version           = "REDIS_7_2"
  authorized_network      = google_compute_network.wrpi.id
  connect_mode            = "PRIVATE_SERVICE_ACCESS"
  auth_enabled            = true
  transit_encryption_mode = "SERVER_AUTHENTICATION"
  deletion_protection     = var.deletion_protection

  depends_on = [google_service_networking_connection.services]
}
