#!/bin/sh
# Writes custom resource definitions into the directory $1. Most are copied from YAML files of Go modules. Those of the
# Prometheus operator are generated from its Go types.
set -eu
mkdir -p "$1"

from() {
  go mod download "$1"
  directory=$(go list -m -f '{{.Dir}}' "$1")
  shift
  for file in "$@"; do cp "$directory/$file" "$out"; done
}
out=$1

from k8s.io/autoscaler/vertical-pod-autoscaler deploy/vpa-v1-crd-gen.yaml
from github.com/cert-manager/cert-manager deploy/crds/cert-manager.io_certificates.yaml
from sigs.k8s.io/gateway-api config/crd/standard/gateway.networking.k8s.io_tlsroutes.yaml
go tool controller-gen crd paths=github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1 \
  output:crd:dir="$out"
# Keeps only the two generated definitions that the chart needs.
for file in "$out"/monitoring.coreos.com_*; do
  case $file in
  *_podmonitors.yaml | *_prometheusrules.yaml) ;;
  *) rm "$file" ;;
  esac
done
