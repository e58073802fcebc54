# Cloud Armor in front of the API. Its rules see requests but not responses, so they cannot count 401s and limit all
# requests instead. The API itself limits wrong passwords.
locals {
  # Per minute and client address; enough for an office behind one address.
  throttles = {
    1000 = {
      description = "Limits requests with credentials."
      expression  = "request.method != 'OPTIONS' && has(request.headers['authorization'])"
      per_minute  = 600
    }
    1100 = {
      description = "Limits requests without credentials: preflights, probes and scans."
      expression  = "request.method == 'OPTIONS' || !has(request.headers['authorization'])"
      per_minute  = 600
    }
  }
}

resource "google_compute_security_policy" "wrpi" {
  name        = "wrpi"
  description = "Protects the API."
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

  # Google requires a default rule.
  rule {
    priority    = 2147483647
    description = "Allows all other requests. The API checks the password."
    action      = "allow"
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }

  # Reports floods of requests that no rule covers.
  adaptive_protection_config {
    layer_7_ddos_defense_config {
      enable = true
    }
  }

  depends_on = [time_sleep.usable]
}
