# Monitoring from outside the cluster, which works even if the whole cluster is down. k8s/components/monitoring has the
# alerts on the API's metrics.
resource "google_monitoring_notification_channel" "email" {
  display_name = "WRPI on-call"
  type         = "email"
  labels       = { email_address = var.alert_email }
  user_labels  = local.labels

  depends_on = [time_sleep.usable]
}

# GET / needs no password.
resource "google_monitoring_uptime_check_config" "api" {
  display_name = "WRPI"
  timeout      = "10s"
  period       = "60s"
  user_labels  = local.labels

  http_check {
    path         = "/"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }
  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project
      host       = var.domain
    }
  }

  depends_on = [time_sleep.usable]
}

locals {
  uptime = "resource.type = \"uptime_url\" AND metric.labels.check_id = \"${google_monitoring_uptime_check_config.api.uptime_check_id}\""
}

resource "google_monitoring_alert_policy" "unreachable" {
  display_name          = "WRPI is unreachable from the internet"
  severity              = "CRITICAL"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.email.id]
  user_labels           = local.labels

  conditions {
    display_name = "Uptime checks fail from more than one location"
    condition_threshold {
      filter          = "metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND ${local.uptime}"
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "120s"
      aggregations {
        alignment_period     = "120s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.host"]
      }
    }
  }
  documentation {
    content = "https://${var.domain}/ does not answer; users get errors. First check the load balancer, the certificate and DNS. If they work, see WrpiApiDown in docs/runbook.md."
  }
}

resource "google_monitoring_alert_policy" "certificate" {
  display_name          = "WRPI certificate is about to expire"
  severity              = "WARNING"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.email.id]
  user_labels           = local.labels

  conditions {
    display_name = "Certificate expires in less than 14 days"
    condition_threshold {
      filter          = "metric.type = \"monitoring.googleapis.com/uptime_check/time_until_ssl_cert_expires\" AND ${local.uptime}"
      comparison      = "COMPARISON_LT"
      threshold_value = 14
      duration        = "600s"
      aggregations {
        alignment_period     = "1200s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_MIN"
        group_by_fields      = ["resource.label.host"]
      }
    }
  }
  documentation {
    content = "Google should have renewed the certificate of ${var.domain} a month before it expires. Users notice nothing yet. First check its state: gcloud certificate-manager certificates describe wrpi"
  }
}

resource "google_billing_budget" "wrpi" {
  billing_account = var.billing_account
  display_name    = "wrpi"

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
  }
  amount {
    specified_amount {
      units = tostring(var.monthly_budget)
    }
  }
  threshold_rules {
    threshold_percent = 0.5
  }
  threshold_rules {
    threshold_percent = 0.9
  }
  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }
  all_updates_rule {
    monitoring_notification_channels = [google_monitoring_notification_channel.email.id]
  }
}
