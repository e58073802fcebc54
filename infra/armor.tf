# Cloud Armor, in front of the API. A rule sees requests and not answers, so it cannot count 401s: it limits what a guess
# needs. The limit on wrong passwords themselves is the API's own.
locals {
  # Per minute and client address: room for an office behind one address.
  throttles = {
    1000 = {
      description = "Requests with credentials."
      expression  = "request.method != 'OPTIONS' && has(request.headers['authorization'])"
      per_minute  = 600
    }
    1100 = {
      description = "Requests without credentials: a browser's preflights, probes and scans."
      expression  = "request.method == 'OPTIONS' || !has(request.headers['authorization'])"
      per_minute  = 600
    }
  }
}

resource "google_compute_security_policy" "wrpi" {
  name        = "wrpi"
  description = "In front of the API."
  type        = "CLOUD_ARMOR"

  dynamic "rule" {
    for_each = local.throttles
    content {
      priority    = rule.key
      description = rule.value.description
      action      = "throttle"
      match {
        expr {
          expression = rule.value.expression
        }
      }
      rate_limit_options {
        enforce_on_key = "IP"
        conform_action = "allow"
        exceed_action  = "deny(429)"
        rate_limit_threshold {
          count        = rule.value.per_minute
          interval_sec = 60
        }
      }
    }
  }

  # Google requires a last rule for everything.
  rule {
    priority    = 2147483647
    description = "All others. The API itself asks for the password."
    action      = "allow"
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }

  # Reports floods of requests that no rule knows.
  adaptive_protection_config {
    layer_7_ddos_defense_config {
      enable = true
    }
  }

  depends_on = [google_project_service.needed]
}
