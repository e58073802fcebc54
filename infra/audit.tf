# The audit log, how long it is kept, and an alert on changes that an intruder would make. Google always logs changes
# ("Admin Activity"), and keeps them for 400 days.

# Reads of data are logged only for the passwords: those of everything else would be most of the log.
resource "google_project_iam_audit_config" "secrets" {
  project = var.project
  service = "secretmanager.googleapis.com"
  audit_log_config {
    log_type = "DATA_READ"
  }
}

resource "google_project_iam_audit_config" "all" {
  project = var.project
  service = "allServices"
  audit_log_config {
    log_type = "ADMIN_READ"
  }
  audit_log_config {
    log_type = "DATA_WRITE"
  }
}

# Without these, Google deletes the entries about data after 30 days.
resource "google_logging_project_bucket_config" "audit" {
  project        = var.project
  location       = var.region
  bucket_id      = "wrpi-audit-${time_static.installation.unix}"
  description    = "Audit log of access to data."
  retention_days = 400

  depends_on = [time_sleep.usable]
}

resource "google_logging_project_sink" "audit" {
  name                   = "wrpi-audit"
  description            = "Keeps the audit log of access to data."
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.audit.id}"
  filter                 = "log_id(\"cloudaudit.googleapis.com/data_access\") OR log_id(\"cloudaudit.googleapis.com/policy\")"
  unique_writer_identity = true
}

# GKE changes firewall rules and routes itself, when it adds nodes. `terraform apply` can cause this alert too.
resource "google_monitoring_alert_policy" "changes" {
  display_name          = "WRPI: rights, network or buckets were changed"
  severity              = "WARNING"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.email.id]
  user_labels           = local.labels

  conditions {
    display_name = "The audit log contains such a change"
    condition_matched_log {
      filter = join(" AND ", [
        "log_id(\"cloudaudit.googleapis.com/activity\")",
        "protoPayload.methodName=~\"(?i)setiampolicy|setiampermissions|(create|update|delete|undelete)role|compute[.](firewalls|networks|routes|securitypolicies)[.]|storage[.]buckets[.]\"",
        "protoPayload.authenticationInfo.principalEmail!=\"service-${data.google_project.this.number}@container-engine-robot.iam.gserviceaccount.com\"",
      ])
    }
  }
  alert_strategy {
    notification_rate_limit {
      period = "3600s"
    }
    auto_close = "86400s"
  }
  documentation {
    content = "Someone changed rights, roles, the network, Cloud Armor or a bucket. If nobody of you did, follow your process for incidents. The entries are in the Logs Explorer, under cloudaudit.googleapis.com/activity."
  }
}
