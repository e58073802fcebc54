variable "project" {
  description = "ID of the Google Cloud project. It exists, and has a billing account."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project ID has 6 to 30 lowercase letters, digits and hyphens, and starts with a letter."
  }
}

variable "region" {
  description = "Region of the cluster and of everything that has a place."
  type        = string
  default     = "europe-west1"
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region looks like europe-west1; a zone (europe-west1-b) is too narrow."
  }
}

variable "domain" {
  description = "Public host name of the API. It gets a DNS zone of its own."
  type        = string
  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.){2,}[a-z]{2,63}$", var.domain))
    error_message = "Give a lowercase host name below a domain of yours, such as wrpi.example.com, without a final dot."
  }
}

variable "billing_account" {
  description = "ID of the billing account, for the budget."
  type        = string
  validation {
    condition     = can(regex("^[0-9A-F]{6}(-[0-9A-F]{6}){2}$", var.billing_account))
    error_message = "A billing account looks like 012345-6789AB-CDEF01."
  }
}

variable "monthly_budget" {
  description = "Amount of the monthly budget, in the currency of the billing account. It warns and stops nothing."
  type        = number
  default     = 150
  validation {
    condition     = var.monthly_budget > 0 && floor(var.monthly_budget) == var.monthly_budget
    error_message = "The budget is a whole number above 0."
  }
}

variable "alert_email" {
  description = "Address that gets the alerts of Cloud Monitoring and of the budget."
  type        = string
  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "Give an e-mail address."
  }
}

variable "repository" {
  description = "GitHub repository whose releases run here, as OWNER/NAME."
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "Give OWNER/NAME, without https://github.com/."
  }
}

variable "repository_id" {
  description = "Numeric ID of that repository (gh api repos/OWNER/NAME --jq .id). Unlike a name, nobody can register it again."
  type        = string
  validation {
    condition     = can(regex("^[1-9][0-9]*$", var.repository_id))
    error_message = "The ID is a number."
  }
}

variable "deletion_protection" {
  description = "Whether Google refuses to delete the cluster. Set it to false and apply before you destroy."
  type        = bool
  default     = true
}

variable "memorystore" {
  description = "Keep the readings in Memorystore instead of a Redis in the cluster. It has one user who may do everything, and its AUTH string is in the state."
  type        = bool
  default     = false
}

# Passwords. Ephemeral: neither a plan nor the state holds them.

variable "app_password" {
  description = "Password of the API's users. Needed only when app_password_version changes."
  type        = string
  default     = ""
  ephemeral   = true
  sensitive   = true
  nullable    = false
  validation {
    condition     = can(regex("^([^[:cntrl:]]{20,})?$", var.app_password))
    error_message = "The password has at least 20 characters and no control characters."
  }
}

variable "app_password_previous" {
  description = "Password that is accepted too while clients change to the new one. Empty: none."
  type        = string
  default     = ""
  ephemeral   = true
  sensitive   = true
  nullable    = false
  validation {
    condition     = can(regex("^[^[:cntrl:]]*$", var.app_password_previous))
    error_message = "The password has no control characters."
  }
}

variable "app_password_version" {
  description = "Raise it by one to store app_password and app_password_previous."
  type        = number
  default     = 1
  validation {
    condition     = var.app_password_version >= 1 && floor(var.app_password_version) == var.app_password_version
    error_message = "The version is a whole number from 1."
  }
}

variable "redis_password_version" {
  description = "Raise it by one to make new passwords for the Redis in the cluster."
  type        = number
  default     = 1
  validation {
    condition     = var.redis_password_version >= 1 && floor(var.redis_password_version) == var.redis_password_version
    error_message = "The version is a whole number from 1."
  }
}
