# Terraform and OpenTofu alike. The versions are exact, so that a plan is the same wherever it is made.
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
  }

  # The bucket that bootstrap/ makes: terraform init -backend-config=bucket=NAME
  backend "gcs" {
    prefix = "wrpi"
  }
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = local.labels

  # The budget API bills its calls to a project, and a person's credentials name none.
  billing_project       = var.project
  user_project_override = true
}
