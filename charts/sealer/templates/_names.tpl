{{/* The name of every object of the release. */}}
{{- define "sealer.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "sealer.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sealer.labels" -}}
{{ include "sealer.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: signet
{{- end -}}

{{- define "sealer.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "sealer.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "sealer.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The value of --controllers: what `features` turns on. */}}
{{- define "sealer.controllers" -}}
{{- $on := list -}}
{{- if .Values.features.sealedSecrets }}{{ $on = append $on "sealedsecret" }}{{ end -}}
{{- if .Values.features.gitSecretSync }}{{ $on = append $on "gitsecretsync" }}{{ end -}}
{{- if .Values.features.sopsSecrets }}{{ $on = append $on "sopssecret" }}{{ end -}}
{{- if .Values.features.externalSecrets }}{{ $on = append $on "externalsecret" }}{{ end -}}
{{- join "," $on -}}
{{- end -}}

{{/* The namespaces that are looked after, as JSON; none is all of them. */}}
{{- define "sealer.namespaces" -}}
{{- if or .Values.watchNamespace .Values.additionalNamespaces -}}
{{- $own := .Values.watchNamespace | default .Release.Namespace -}}
{{- concat (list $own) .Values.additionalNamespaces | uniq | toJson -}}
{{- else -}}
[]
{{- end -}}
{{- end -}}
