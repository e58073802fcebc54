# The bucket for the Terraform state of everything else. The state of this directory stays on disk, in one file for each
# project: -state=PROJECT.tfstate. If it is lost, run `terraform import -state=PROJECT.tfstate -var project=PROJECT
# google_storage_bucket.state PROJECT-terraform-state`.
terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "8.7.0"
    }
  }
}

provider "google" {
  project = var.project
}

variable "project" {
  description = "ID of the Google Cloud project."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project ID has 6 to 30 lowercase letters, digits and hyphens, and starts with a letter."
  }
}

variable "location" {
  description = "Region or multi-region of the bucket."
  type        = string
  default     = "EU"
  validation {
    condition     = can(regex("^([A-Z]+[0-9]?|[a-z]+-[a-z]+[0-9]+)$", var.location))
    error_message = "Give a multi-region such as EU, or a region such as europe-west1."
  }
}

# Terraform needs these services before it can enable the others.
resource "google_project_service" "needed" {
  for_each = toset(["cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com", "storage.googleapis.com"])

  service            = each.key
  disable_on_destroy = false
}

resource "google_storage_bucket" "state" {
  name                        = "${var.project}-terraform-state"
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  labels = {
    app        = "wrpi"
    managed-by = "terraform"
  }

  versioning {
    enabled = true
  }
  lifecycle_rule {
    condition {
      num_newer_versions = 30
      with_state         = "ARCHIVED"
    }
    action {
      type = "Delete"
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.needed]
}

output "bucket" {
  description = "Name of the bucket, for terraform init -backend-config=bucket=NAME."
  value       = google_storage_bucket.state.name
}
