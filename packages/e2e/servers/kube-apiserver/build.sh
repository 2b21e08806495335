#!/bin/sh
# Builds the program $1. The linker sets the version of the k8s.io/kubernetes module, because the parts report it to
# each other and to helm.
set -eu
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v1.}
package=k8s.io/component-base/version
exec go build -mod=readonly -trimpath -o "$1" -ldflags="-s -w \
  -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}" .
