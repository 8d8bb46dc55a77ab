{{/* Name of the chart. */}}
{{- define "slo-daemon.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Name of all objects; the suffixes of the chart ("-pilots", "-settings", "-sidecar") still fit into 63 characters. */}}
{{- define "slo-daemon.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := include "slo-daemon.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* What selects the pod. Never changes, since a Deployment refuses another selector. */}}
{{- define "slo-daemon.selectorLabels" -}}
app.kubernetes.io/name: {{ include "slo-daemon.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "slo-daemon.labels" -}}
{{ include "slo-daemon.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: slo-daemon
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "slo-daemon.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "slo-daemon.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* An image: the digest wins over the tag. Takes a dict of `image` and `default`, the tag where none is given. */}}
{{- define "slo-daemon.image" -}}
{{- if .image.digest }}
{{- printf "%s@%s" .image.repository .image.digest }}
{{- else }}
{{- printf "%s:%s" .image.repository (.image.tag | default .default) }}
{{- end }}
{{- end }}

{{/* The roles that have a token, as a JSON list. */}}
{{- define "slo-daemon.roles" -}}
{{- keys (ternary .Values.tokens.keys .Values.tokens.create (ne .Values.tokens.existingSecret "")) | sortAlpha | toJson }}
{{- end }}

{{/* Seconds of a duration of the daemon, such as 90s or 1h30m. */}}
{{- define "slo-daemon.seconds" -}}
{{- $units := dict "s" 1 "m" 60 "h" 3600 "d" 86400 "w" 604800 }}
{{- $total := 0 }}
{{- range regexFindAll "[0-9]+[smhdw]" (toString .) -1 }}
{{- $total = add $total (mul (regexFind "[0-9]+" . | int64) (get $units (regexFind "[smhdw]" .) | int64)) }}
{{- end }}
{{- $total }}
{{- end }}

{{/* What the schema cannot say. Stops the rendering with all that is wrong. */}}
{{- define "slo-daemon.validate" -}}
{{- $wrong := list }}
{{- if not (or .Values.pilots .Values.existingPilots.configMaps .Values.existingPilots.secrets .Values.sidecar.enabled) }}
{{- $wrong = append $wrong "there is nothing to evaluate, and slo-daemon does not start without pilots or SLOs: give pilots (for example --set-file pilots.search=search.yaml), existingPilots, or sidecar.enabled=true" }}
{{- end }}
{{- if and .Values.existingConfig.configMap .Values.existingConfig.secret }}
{{- $wrong = append $wrong "existingConfig: give either configMap or secret" }}
{{- end }}
{{- if and .Values.prometheusAccess.ca.existingConfigMap .Values.prometheusAccess.ca.existingSecret }}
{{- $wrong = append $wrong "prometheusAccess.ca: give either existingConfigMap or existingSecret" }}
{{- end }}
{{- if and .Values.tokens.existingSecret .Values.tokens.create }}
{{- $wrong = append $wrong "tokens: give either existingSecret with keys, or create" }}
{{- end }}
{{- if and .Values.tokens.existingSecret (not .Values.tokens.keys) }}
{{- $wrong = append $wrong "tokens.keys: say which key of the Secret holds the token of which role, for example {admin: admin-token}" }}
{{- end }}
{{- if and .Values.tokens.keys (not .Values.tokens.existingSecret) }}
{{- $wrong = append $wrong "tokens.keys names keys of tokens.existingSecret, which is not given" }}
{{- end }}
{{- if $wrong }}
{{- fail (printf "\n\n- %s\n" (join "\n- " $wrong)) }}
{{- end }}
{{- end }}
