# Values for `make gke-values` and for operators. None is secret.

output "project" {
  description = "ID of the Google Cloud project."
  value       = var.project
}

output "region" {
  description = "Region of the cluster."
  value       = google_container_cluster.wrpi.location
}

output "cluster" {
  description = "Name of the cluster."
  value       = google_container_cluster.wrpi.name
}

output "domain" {
  description = "Public host name of the API."
  value       = var.domain
}

output "name_servers" {
  description = "Values of the NS record. Add it to the parent zone of the domain."
  value       = google_dns_managed_zone.wrpi.name_servers
}

output "ds_records" {
  description = "Values of the DS record. Add it to the parent zone too; without it DNSSEC has no effect."
  value       = data.google_dns_keys.wrpi.key_signing_keys[*].ds_record
}

output "address" {
  description = "Name of the public address."
  value       = google_compute_global_address.wrpi.name
}

output "certificate_map" {
  description = "Name of the certificate map."
  value       = google_certificate_manager_certificate_map.wrpi.name
}

output "security_policy" {
  description = "Name of the Cloud Armor policy."
  value       = google_compute_security_policy.wrpi.name
}

output "ssl_policy" {
  description = "Name of the SSL policy."
  value       = google_compute_ssl_policy.wrpi.name
}

output "releases" {
  description = "Registry path from which the cluster pulls the project's images."
  value       = "${google_artifact_registry_repository.releases.registry_uri}/${lower(var.repository)}"
}

output "docker_hub" {
  description = "Registry path from which the cluster pulls Docker Hub's official images."
  value       = "${google_artifact_registry_repository.docker_hub.registry_uri}/library"
}

output "dashboard" {
  description = "Address of the dashboard."
  value       = "https://console.cloud.google.com/monitoring/dashboards/builder/${basename(google_monitoring_dashboard.wrpi.id)}?project=${var.project}"
}

output "repository" {
  description = "GitHub repository of the project."
  value       = var.repository
}

output "deployer" {
  description = "Service account that GitHub Actions deploys as."
  value       = google_service_account.deployer.email
}

output "identity_provider" {
  description = "Workload identity provider that authenticates GitHub Actions."
  value       = google_iam_workload_identity_pool_provider.github.name
}

output "redis" {
  description = "Address, port and CA certificates of Memorystore. null if Redis runs in the cluster."
  value = one([for redis in google_redis_instance.wrpi : {
    host = redis.host
    port = redis.port
    ca   = join("\n", redis.server_ca_certs[*].cert)
  }])
}
