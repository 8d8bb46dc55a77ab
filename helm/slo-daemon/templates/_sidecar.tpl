{{/* The container that writes labelled ConfigMaps into a folder: once before the start, and for as long as the pod runs. */}}
{{- define "slo-daemon.sidecar" -}}
{{- $values := .root.Values }}
- name: {{ .name }}
  image: {{ include "slo-daemon.image" (dict "image" $values.sidecar.image "default" "") }}
  imagePullPolicy: {{ $values.sidecar.image.pullPolicy }}
  env:
    - name: METHOD
      value: {{ .method }}
    - name: RESOURCE
      value: configmap
    - name: LABEL
      value: {{ $values.sidecar.label | quote }}
    - name: LABEL_VALUE
      value: {{ $values.sidecar.labelValue | quote }}
    - name: NAMESPACE
      value: {{ $values.sidecar.namespaces | default (list .root.Release.Namespace) | join "," | quote }}
    - name: FOLDER
      value: /pilots
    # Two ConfigMaps may use the same key. The names of both stand in the name of the file, and so in every problem.
    - name: UNIQUE_FILENAMES
      value: "true"
    - name: PYTHONDONTWRITEBYTECODE
      value: "1"
  resources:
    {{- toYaml $values.sidecar.resources | nindent 4 }}
  securityContext:
    {{- toYaml $values.securityContext | nindent 4 }}
  volumeMounts:
    - name: pilots-sidecar
      mountPath: /pilots
    - name: sidecar-tmp
      mountPath: /tmp
    - name: sidecar-token
      mountPath: /var/run/secrets/kubernetes.io/serviceaccount
      readOnly: true
{{- end }}
