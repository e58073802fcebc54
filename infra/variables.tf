variable "project" {
  description = "ID of the Google Cloud project. It must exist and have a billing account."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project ID has 6 to 30 lowercase letters, digits and hyphens, and starts with a letter."
  }
}

variable "region" {
  description = "Region of all regional resources."
  type        = string
  default     = "europe-west1"
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "Give a region such as europe-west1, not a zone such as europe-west1-b."
  }
}

variable "domain" {
  description = "Public host name of the API. Terraform creates a DNS zone for it."
  type        = string
  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.){2,}[a-z]{2,63}$", var.domain))
    error_message = "Give a lowercase host name in your domain, such as wrpi.example.com, without a final dot."
  }
}

variable "billing_account" {
  description = "ID of the billing account to which the budget applies."
  type        = string
  validation {
    condition     = can(regex("^[0-9A-F]{6}(-[0-9A-F]{6}){2}$", var.billing_account))
    error_message = "A billing account looks like 012345-6789AB-CDEF01."
  }
}

variable "monthly_budget" {
  description = "Monthly budget in the currency of the billing account. It sends warnings and does not stop anything."
  type        = number
  default     = 150
  validation {
    condition     = var.monthly_budget > 0 && floor(var.monthly_budget) == var.monthly_budget
    error_message = "The budget is a whole number above 0."
  }
}

variable "alert_email" {
  description = "E-mail address for the alerts of Cloud Monitoring and of the budget."
  type        = string
  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "Give an e-mail address."
  }
}

variable "repository" {
  description = "GitHub repository whose releases are deployed, as OWNER/NAME."
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "Give OWNER/NAME, without https://github.com/."
  }
}

variable "repository_id" {
  description = "Numeric ID of that repository (gh api repos/OWNER/NAME --jq .id). Unlike its name, it can never be reused."
  type        = string
  validation {
    condition     = can(regex("^[1-9][0-9]*$", var.repository_id))
    error_message = "The ID is a number."
  }
}

variable "deletion_protection" {
  description = "Protects the cluster and Memorystore against deletion. Set it to false and apply before you destroy."
  type        = bool
  default     = true
}

variable "memorystore" {
  description = "Store the readings in Memorystore instead of a Redis in the cluster. Memorystore has a single user with all rights, and its AUTH string is in the state."
  type        = bool
  default     = false
}

# Passwords. They are ephemeral: no plan or state contains them.

variable "app_password" {
  description = "Password for users of the API. Needed only when app_password_version changes."
  type        = string
  default     = ""
  ephemeral   = true
  sensitive   = true
  nullable    = false
  validation {
    condition     = can(regex("^([^[:cntrl:]]{20,})?$", var.app_password))
    error_message = "The password needs at least 20 characters and no control characters."
  }
}

variable "app_password_previous" {
  description = "Previous password, which the API also accepts while clients change to the new one. Empty: none."
  type        = string
  default     = ""
  ephemeral   = true
  sensitive   = true
  nullable    = false
  validation {
    condition     = can(regex("^[^[:cntrl:]]*$", var.app_password_previous))
    error_message = "The password must not contain control characters."
  }
}

variable "app_password_version" {
  description = "Raise this by one to store app_password and app_password_previous."
  type        = number
  default     = 1
  validation {
    condition     = var.app_password_version >= 1 && floor(var.app_password_version) == var.app_password_version
    error_message = "The version is a whole number from 1."
  }
}

variable "redis_password_version" {
  description = "Raise this by one to generate new passwords for the Redis in the cluster."
  type        = number
  default     = 1
  validation {
    condition     = var.redis_password_version >= 1 && floor(var.redis_password_version) == var.redis_password_version
    error_message = "The version is a whole number from 1."
  }
}
