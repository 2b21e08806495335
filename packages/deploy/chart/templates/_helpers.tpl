{{/* The name of all objects. It is independent of the release, because clients, roles and access rules contain it. */}}
{{- define "registry-packages-proxy.name" -}}
registry-packages-proxy
{{- end }}

{{/* The namespace of all objects but those for monitoring. The program's access rules contain it. */}}
{{- define "registry-packages-proxy.namespace" -}}
d8-cloud-instance-manager
{{- end }}

{{- define "registry-packages-proxy.labels" -}}
app: registry-packages-proxy
app.kubernetes.io/name: registry-packages-proxy
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* `true` if an object is rendered: (list CONTEXT ENABLED API...). `auto` requires that the cluster has all APIs. */}}
{{- define "registry-packages-proxy.enabled" -}}
{{- $context := index . 0 }}
{{- $enabled := index . 1 }}
{{- if kindIs "bool" $enabled }}
{{- ternary "true" "" $enabled }}
{{- else }}
{{- $there := true }}
{{- range slice . 2 }}{{ if not ($context.Capabilities.APIVersions.Has .) }}{{ $there = false }}{{ end }}{{ end }}
{{- ternary "true" "" $there }}
{{- end }}
{{- end }}

{{/* Sets `.Values.found` once: `nodes`, the addresses of the masters; `isThere`, true if helm sees a cluster. */}}
{{- define "registry-packages-proxy.discover" -}}
{{- if not (hasKey .Values "found") }}
{{- $nodes := list }}
{{- $isThere := false }}
{{- range (lookup "v1" "Node" "" "").items }}
{{- $isThere = true }}
{{- $labels := .metadata.labels | default dict }}
{{- $matches := true }}
{{- range $key, $value := $.Values.nodeSelector }}
{{- if not (and (hasKey $labels $key) (eq (toString (get $labels $key)) (toString $value))) }}{{ $matches = false }}{{ end }}
{{- end }}
{{- if $matches }}
{{- $address := "" }}
{{- range .status.addresses }}{{ if and (not $address) (eq .type "InternalIP") }}{{ $address = .address }}{{ end }}{{ end }}
{{- $nodes = append $nodes $address }}
{{- end }}
{{- end }}
{{- $_ := set .Values "found" (dict "nodes" $nodes "isThere" $isThere) }}
{{- end }}
{{- end }}

{{/* The number of masters; 0 if helm sees no cluster. */}}
{{- define "registry-packages-proxy.masters" -}}
{{- include "registry-packages-proxy.discover" . }}
{{- len .Values.found.nodes }}
{{- end }}

{{/* The addresses of the masters, as a JSON array. */}}
{{- define "registry-packages-proxy.addresses" -}}
{{- include "registry-packages-proxy.discover" . }}
{{- compact .Values.found.nodes | sortAlpha | toJson }}
{{- end }}

{{- define "registry-packages-proxy.replicas" -}}
{{- if kindIs "invalid" .Values.replicas }}
{{- $masters := include "registry-packages-proxy.masters" . | int }}
{{- if kindIs "invalid" .Values.highAvailability }}
{{- max 1 $masters }}
{{- else if .Values.highAvailability }}
{{- ternary $masters 3 (gt $masters 0) }}
{{- else }}
{{- 1 }}
{{- end }}
{{- else }}
{{- .Values.replicas | int }}
{{- end }}
{{- end }}

{{- define "registry-packages-proxy.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The limit of the cache's volume, in MiB. It is above the cap, because the kubelet counts space differently. */}}
{{- define "registry-packages-proxy.volumeMebibytes" -}}
{{- $units := dict "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 }}
{{- $size := toString .Values.cache.size }}
{{- $unit := regexFind "[A-Za-z]*$" $size }}
{{- if regexMatch "^[0-9.]+[eE][0-9]+$" $size }}{{ $unit = "" }}{{ end }}
{{- $mebibytes := divf (mulf (trimSuffix $unit $size | float64) (get $units $unit)) 1048576.0 }}
{{- add (ceil (mulf $mebibytes 1.07) | int64) 4 }}
{{- end }}

{{/* The program's requests and limits. Ephemeral storage has room for the cache's volume and 64 MiB of logs. */}}
{{- define "registry-packages-proxy.resources" -}}
{{- $storage := printf "%dMi" (add (include "registry-packages-proxy.volumeMebibytes" . | int64) 64) }}
{{- $requests := merge (dict) (.Values.resources.requests | default dict) (dict "ephemeral-storage" $storage) }}
{{- toYaml (merge (dict "requests" $requests) .Values.resources) }}
{{- end }}

{{/* The environment variables of a container. A map becomes `valueFrom`; any other value becomes `value`. */}}
{{- define "registry-packages-proxy.env" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
{{- if kindIs "map" $value }}
  valueFrom: {{- toYaml $value | nindent 4 }}
{{- else }}
  {{- /* helm reads a YAML number as a float and would write 1000000 as 1e+06; JSON writes all digits. */}}
  value: {{ (kindIs "string" $value | ternary $value (toJson $value)) | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "registry-packages-proxy.clientCAConfigMap" -}}
{{- if .Values.clientCA }}registry-packages-proxy-client-ca{{ else }}{{ .Values.clientCAConfigMap }}{{ end }}
{{- end }}

{{/* The namespace of the PodMonitor. */}}
{{- define "registry-packages-proxy.podMonitorNamespace" -}}
{{- if .Values.podMonitor.namespace }}
{{- .Values.podMonitor.namespace }}
{{- else }}
{{- include "registry-packages-proxy.discover" . }}
{{- if and .Values.found.isThere (not (lookup "v1" "Namespace" "" "d8-monitoring")) }}
{{- include "registry-packages-proxy.namespace" . }}
{{- else }}
{{- "d8-monitoring" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "registry-packages-proxy.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
