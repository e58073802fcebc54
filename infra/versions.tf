# For Terraform and OpenTofu. Exact versions make plans reproducible. There is no lock file, because Terraform and OpenTofu
# have different ones. To make yours, for all platforms that you use:
#   terraform -chdir=infra providers lock -platform=linux_amd64 -platform=linux_arm64 -platform=darwin_amd64 -platform=darwin_arm64
terraform {
  required_version = ">= 1.11" # write-only arguments and ephemeral values

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "8.7.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "3.9.1"
    }
    time = {
      source  = "hashicorp/time"
      version = "0.14.2"
    }
  }

  # bootstrap/ creates the bucket: terraform init -backend-config=bucket=NAME
  backend "gcs" {
    prefix = "wrpi"
  }
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = local.labels

  # The budget API needs a project to bill its calls to, and a user's credentials do not name one.
  billing_project       = var.project
  user_project_override = true
}
