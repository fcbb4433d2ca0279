{{/* What tells one service's pods from the others'; cannot change in the life of a release. */}}
{{- define "wrktalk.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "wrktalk.labels" -}}
{{ include "wrktalk.selector" . }}
app.kubernetes.io/part-of: wrktalk
app.kubernetes.io/version: {{ .root.Chart.AppVersion | replace "+" "_" | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "wrktalk.image" -}}
{{- $digest := "" }}{{ with .image.digest }}{{ $digest = printf "@%s" . }}{{ end -}}
{{ printf "%s/%s:%s%s" .root.Values.global.registry .image.repository (.image.tag | toString) $digest | quote }}
{{- end }}

{{/* A pod of whom Pod Security demands "restricted". */}}
{{- define "wrktalk.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "wrktalk.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "wrktalk.environment" -}}
- configMapRef:
    name: {{ . }}-settings
- secretRef:
    name: {{ . }}-secrets
{{- end }}

{{/* Liveness is patient, so that a service that never becomes ready is seen as that and not as one that restarts. */}}
{{- define "wrktalk.probes" -}}
readinessProbe:
  httpGet:
    path: /healthz
    port: http
  periodSeconds: 1
  failureThreshold: 2
livenessProbe:
  httpGet:
    path: /healthz
    port: http
  periodSeconds: 1
  failureThreshold: 30
{{- end }}

{{- define "wrktalk.resources" -}}
requests:
  cpu: 1m
  memory: 8Mi
limits:
  memory: 128Mi
{{- end }}

{{- define "wrktalk.settingsData" -}}
{{- with .Values.settings }}
data:
  {{- range $key, $value := . }}
  {{ $key }}: {{ $value | toString | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "wrktalk.secretsData" -}}
{{- with .Values.secrets }}
data:
  {{- range $key, $value := . }}
  {{ $key }}: {{ $value | toString | b64enc | quote }}
  {{- end }}
{{- end }}
{{- end }}
