# The public side of the API: address, DNS zone, certificate and TLS policy.
resource "google_compute_global_address" "wrpi" {
  name = "wrpi"

  depends_on = [time_sleep.usable]
}

resource "google_dns_managed_zone" "wrpi" {
  name        = "wrpi"
  description = "Zone of the API's public name."
  dns_name    = "${var.domain}."

  dnssec_config {
    state = "on"
  }

  depends_on = [time_sleep.usable]
}

data "google_dns_keys" "wrpi" {
  managed_zone = google_dns_managed_zone.wrpi.id
}

resource "google_dns_record_set" "address" {
  managed_zone = google_dns_managed_zone.wrpi.name
  name         = google_dns_managed_zone.wrpi.dns_name
  type         = "A"
  ttl          = 300
  rrdatas      = [google_compute_global_address.wrpi.address]
}

# Only Google may issue certificates for this name. Wildcard certificates are not allowed.
resource "google_dns_record_set" "caa" {
  managed_zone = google_dns_managed_zone.wrpi.name
  name         = google_dns_managed_zone.wrpi.dns_name
  type         = "CAA"
  ttl          = 300
  rrdatas      = ["0 issue \"pki.goog\"", "0 issuewild \";\""]
}

resource "google_certificate_manager_dns_authorization" "wrpi" {
  name   = "wrpi"
  domain = var.domain

  depends_on = [time_sleep.usable]
}

resource "google_dns_record_set" "authorization" {
  managed_zone = google_dns_managed_zone.wrpi.name
  name         = google_certificate_manager_dns_authorization.wrpi.dns_resource_record[0].name
  type         = google_certificate_manager_dns_authorization.wrpi.dns_resource_record[0].type
  ttl          = 300
  rrdatas      = [google_certificate_manager_dns_authorization.wrpi.dns_resource_record[0].data]
}

resource "google_certificate_manager_certificate" "wrpi" {
  name = "wrpi"
  managed {
    domains            = [var.domain]
    dns_authorizations = [google_certificate_manager_dns_authorization.wrpi.id]
  }
}

resource "google_certificate_manager_certificate_map" "wrpi" {
  name = "wrpi"

  depends_on = [time_sleep.usable]
}

resource "google_certificate_manager_certificate_map_entry" "wrpi" {
  name         = "wrpi"
  map          = google_certificate_manager_certificate_map.wrpi.name
  hostname     = var.domain
  certificates = [google_certificate_manager_certificate.wrpi.id]
}

# Without this policy the load balancer accepts TLS 1.0.
resource "google_compute_ssl_policy" "wrpi" {
  name            = "wrpi"
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"

  depends_on = [time_sleep.usable]
}
