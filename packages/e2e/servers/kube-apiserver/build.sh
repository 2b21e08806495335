#!/bin/sh
# Builds the program $1. The parts tell each other, and helm, the version that their module has.
set -eu
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v1.}
package=k8s.io/component-base/version
exec go build -mod=readonly -trimpath -o "$1" -ldflags="-s -w \
  -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}" .
