# Tests that the configuration is private, closed and encrypted. The providers are mocked, so no request goes to Google.
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  mock_resource "google_certificate_manager_dns_authorization" {
    defaults = { dns_resource_record = [{ name = "_acme-challenge.wrpi.example.com.", type = "CNAME", data = "authorize.example." }] }
  }
}

variables {
  project         = "my-project"
  domain          = "wrpi.example.com"
  billing_account = "012345-6789AB-CDEF01"
  alert_email     = "on-call@example.com"
  repository      = "owner/name"
  repository_id   = "123456789"

  app_password          = "a password for the tests"
  app_password_previous = ""
}

run "the_cluster_is_private" {
  assert {
    condition     = google_container_cluster.wrpi.enable_autopilot
    error_message = "The cluster is not Autopilot."
  }
  assert {
    condition     = google_container_cluster.wrpi.private_cluster_config[0].enable_private_nodes
    error_message = "Nodes have public addresses."
  }
  assert {
    condition     = !google_container_cluster.wrpi.control_plane_endpoints_config[0].ip_endpoints_config[0].enabled
    error_message = "The control plane has an IP endpoint."
  }
  assert {
    condition     = google_container_cluster.wrpi.control_plane_endpoints_config[0].dns_endpoint_config[0].allow_external_traffic
    error_message = "The control plane cannot be reached at all."
  }
  assert {
    condition     = google_container_cluster.wrpi.deletion_protection
    error_message = "The cluster is not protected against deletion."
  }
  assert {
    condition     = google_container_cluster.wrpi.secret_manager_config[0].enabled
    error_message = "Pods cannot mount secrets."
  }
  assert {
    condition     = !anytrue(values(google_container_cluster.wrpi.rbac_binding_config[0]))
    error_message = "Roles can be bound to everyone."
  }
}

run "nodes_run_as_their_own_account_with_minimal_roles" {
  assert {
    condition     = google_container_cluster.wrpi.cluster_autoscaling[0].auto_provisioning_defaults[0].service_account == google_service_account.nodes.email
    error_message = "Nodes run as a different account."
  }
  assert {
    condition     = google_project_iam_member.nodes.role == "roles/container.defaultNodeServiceAccount"
    error_message = "Nodes have more rights than they need."
  }
  assert {
    condition     = alltrue([for grant in google_artifact_registry_repository_iam_member.nodes : grant.role == "roles/artifactregistry.reader"])
    error_message = "Nodes can do more than read images."
  }
}

run "the_subnet_reaches_google_privately_and_the_internet_through_nat" {
  assert {
    condition     = google_compute_subnetwork.wrpi.private_ip_google_access
    error_message = "Nodes cannot reach Google's services privately."
  }
  assert {
    condition     = length(google_compute_subnetwork.wrpi.log_config) == 1
    error_message = "There are no flow logs."
  }
  assert {
    condition     = [for subnet in google_compute_router_nat.wrpi.subnetwork : subnet.name] == [google_compute_subnetwork.wrpi.id]
    error_message = "NAT does not serve exactly this subnet."
  }
}

run "clients_need_modern_tls" {
  assert {
    condition     = google_compute_ssl_policy.wrpi.min_tls_version == "TLS_1_2" && google_compute_ssl_policy.wrpi.profile == "MODERN"
    error_message = "Old TLS is accepted."
  }
  assert {
    condition     = google_dns_managed_zone.wrpi.dnssec_config[0].state == "on"
    error_message = "The zone is not signed."
  }
  assert {
    condition     = contains(google_dns_record_set.caa.rrdatas, "0 issue \"pki.goog\"") && length(google_dns_record_set.caa.rrdatas) == 2
    error_message = "Another CA than Google's can issue a certificate."
  }
}

run "every_request_is_throttled" {
  assert {
    condition     = length([for rule in google_compute_security_policy.wrpi.rule : rule if rule.action == "throttle"]) == 2
    error_message = "Requests with or without credentials are not throttled."
  }
  assert {
    condition = alltrue([
      for rule in google_compute_security_policy.wrpi.rule :
      one(rule.rate_limit_options).exceed_action == "deny(429)" && one(rule.rate_limit_options).enforce_on_key == "IP"
      if rule.action == "throttle"
    ])
    error_message = "A throttled client does not get 429."
  }
  assert {
    condition     = google_compute_security_policy.wrpi.adaptive_protection_config[0].layer_7_ddos_defense_config[0].enable
    error_message = "Adaptive protection is off."
  }
}

run "tags_of_own_images_cannot_be_moved" {
  assert {
    condition     = google_artifact_registry_repository.own.docker_config[0].immutable_tags
    error_message = "A tag can be moved."
  }
}

run "the_api_is_monitored_from_outside" {
  assert {
    condition     = google_monitoring_uptime_check_config.api.http_check[0].use_ssl && google_monitoring_uptime_check_config.api.http_check[0].validate_ssl
    error_message = "An invalid certificate raises no alert."
  }
  assert {
    condition = alltrue([
      for policy in [google_monitoring_alert_policy.unreachable, google_monitoring_alert_policy.certificate] :
      policy.notification_channels == tolist([google_monitoring_notification_channel.email.id])
    ])
    error_message = "An alert has no receiver."
  }
  assert {
    condition     = length(google_billing_budget.wrpi.threshold_rules) == 3
    error_message = "The budget does not warn."
  }
}
