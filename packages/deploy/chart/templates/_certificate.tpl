{{/*
The name of the Secret with the serving certificate. Empty if each replica makes its own certificate.
*/}}
{{- define "registry-packages-proxy.servingSecret" -}}
{{- with .Values.servingCertificate }}
{{- if .secretName }}
{{- .secretName }}
{{- else if or .certManager.enabled .generated.enabled }}
{{- "registry-packages-proxy-tls" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "registry-packages-proxy.isGenerated" -}}
{{- with .Values.servingCertificate }}
{{- if and .generated.enabled (not .secretName) (not .certManager.enabled) }}true{{ end }}
{{- end }}
{{- end }}

{{/* The names of the serving certificate, as JSON: `dns` and `ips`. */}}
{{- define "registry-packages-proxy.names" -}}
{{- $service := "registry-packages-proxy" }}
{{- $namespace := include "registry-packages-proxy.namespace" . }}
{{- $dns := list "localhost" $service (printf "%s.%s" $service $namespace) (printf "%s.%s.svc" $service $namespace) }}
{{- $dns = append $dns (printf "%s.%s.svc.cluster.local" $service $namespace) }}
{{- $ips := concat (list "127.0.0.1") (include "registry-packages-proxy.addresses" . | fromJsonArray) }}
{{- range concat .Values.servingCertificate.names .Values.tlsRoute.hostnames }}
{{- if regexMatch "^([0-9.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$" . }}
{{- $ips = append $ips . }}
{{- else }}
{{- $dns = append $dns . }}
{{- end }}
{{- end }}
{{- dict "dns" (uniq $dns) "ips" (uniq $ips) | toJson }}
{{- end }}

{{/*
Sets `.Values.made` once, since each call would make another certificate: `data`, `authority` and `names`. The certificate in
the Secret is kept if its names are unchanged or unknown. Otherwise the existing authority signs a new certificate; without
an existing authority, a new one signs it.
*/}}
{{- define "registry-packages-proxy.make" -}}
{{- if not (hasKey .Values "made") }}
{{- $namespace := include "registry-packages-proxy.namespace" . }}
{{- $names := include "registry-packages-proxy.names" . }}
{{- $days := .Values.servingCertificate.generated.validityDays | int }}
{{- $old := lookup "v1" "Secret" $namespace "registry-packages-proxy-tls" | default dict }}
{{- $oldData := get $old "data" | default dict }}
{{- $oldNames := dig "metadata" "annotations" "registry-packages-proxy/names" "" $old }}
{{- $oldAuthority := get (lookup "v1" "Secret" $namespace "registry-packages-proxy-ca" | default dict) "data" | default dict }}
{{- if and (get $oldData "tls.crt") (get $oldData "tls.key") (or (not $oldNames) (eq $oldNames $names)) }}
{{- $_ := set .Values "made" (dict "data" $oldData "authority" $oldAuthority "names" $oldNames) }}
{{- else }}
{{- $authority := dict }}
{{- if and (get $oldAuthority "tls.crt") (get $oldAuthority "tls.key") }}
{{- $authority = buildCustomCert (get $oldAuthority "tls.crt") (get $oldAuthority "tls.key") }}
{{- else }}
{{- $authority = genCAWithKey "registry-packages-proxy-ca" $days (genPrivateKey "ecdsa") }}
{{- end }}
{{- $parsed := fromJson $names }}
{{- $made := genSignedCertWithKey "registry-packages-proxy" $parsed.ips $parsed.dns $days $authority (genPrivateKey "ecdsa") }}
{{- $data := dict "ca.crt" (b64enc $authority.Cert) "tls.crt" (b64enc $made.Cert) "tls.key" (b64enc $made.Key) }}
{{- $authorityData := dict "tls.crt" (b64enc $authority.Cert) "tls.key" (b64enc $authority.Key) }}
{{- $_ := set .Values "made" (dict "data" $data "authority" $authorityData "names" $names) }}
{{- end }}
{{- end }}
{{- end }}
