# The dashboard to which every alert in the cluster links: the panels of the Grafana dashboard, as Google's charts.
locals {
  grafana = jsondecode(file("${path.module}/../k8s/components/monitoring/wrpi.json"))
}

resource "google_monitoring_dashboard" "wrpi" {
  dashboard_json = jsonencode({
    displayName = "WRPI"
    gridLayout = {
      columns = "3"
      widgets = [
        for panel in local.grafana.panels : {
          title = panel.title
          xyChart = {
            dataSets = [
              for target in panel.targets : {
                plotType = "LINE"
                timeSeriesQuery = {
                  prometheusQuery = replace(replace(target.expr, "$namespace", "wrpi"), "$__rate_interval", "5m")
                }
              }
            ]
          }
        } if panel.type != "row"
      ]
    }
  })

  depends_on = [time_sleep.usable]
}
