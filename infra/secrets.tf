# The passwords in Secret Manager. All values are write-only, so no state or plan contains one (exception: redis.tf).
locals {
  # The service accounts in the namespace wrpi that may read each secret. Redis reads its clients' passwords to check
  # their logins.
  readers = {
    app           = ["api"]
    app-previous  = ["api"]
    redis-api     = ["api", "redis"]
    redis-updater = ["updater", "redis"]
  }
  grants = merge([
    for secret, accounts in local.readers : {
      for account in accounts : "${secret}/${account}" => { secret = secret, account = account }
    }
  ]...)

  workload_pool = "principal://iam.googleapis.com/projects/${data.google_project.this.number}/locations/global/workloadIdentityPools/${var.project}.svc.id.goog"
}

resource "google_secret_manager_secret" "wrpi" {
  for_each = local.readers

  secret_id = "wrpi-${each.key}"
  replication {
    auto {}
  }

  depends_on = [time_sleep.usable]
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = local.grants

  secret_id = google_secret_manager_secret.wrpi[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = "${local.workload_pool}/subject/ns/wrpi/sa/${each.value.account}"

  depends_on = [google_container_cluster.wrpi] # Google creates the pool with the first cluster
}

ephemeral "random_password" "redis" {
  for_each = toset(["api", "updater"])

  length  = 40
  special = false
}

# If the version is raised without a password, Secret Manager rejects the empty value.
resource "google_secret_manager_secret_version" "app" {
  secret                 = google_secret_manager_secret.wrpi["app"].id
  secret_data_wo         = var.app_password
  secret_data_wo_version = var.app_password_version

  lifecycle {
    create_before_destroy = true # pods can start at any time
  }
}

# A secret cannot be empty. The API reads a file with a single newline as "no previous password".
resource "google_secret_manager_secret_version" "app_previous" {
  secret                 = google_secret_manager_secret.wrpi["app-previous"].id
  secret_data_wo         = var.app_password_previous == "" ? "\n" : var.app_password_previous
  secret_data_wo_version = var.app_password_version

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_secret_manager_secret_version" "redis" {
  for_each = toset(["api", "updater"])

  secret                 = google_secret_manager_secret.wrpi["redis-${each.key}"].id
  secret_data_wo         = var.memorystore ? google_redis_instance.wrpi[0].auth_string : ephemeral.random_password.redis[each.key].result
  secret_data_wo_version = "${var.memorystore ? "memorystore" : "cluster"}-${var.redis_password_version}"

  lifecycle {
    create_before_destroy = true
  }
}
