import ClusterAccess
import HTTPTransport
import ResourceClient

/// The variables that say which servers the Agent speaks to, and how it proves itself.
extension AgentVariables {
  func backendEndpoint() throws(AgentConfigurationError) -> APIEndpoint {
    APIEndpoint(
      try url("BACKEND_URL", default: "http://localhost:3000"), token: try token(),
      tls: TLSSettings(certificateAuthorityFile: self["CA_FILE"]))
  }

  private func token() throws(AgentConfigurationError) -> TokenSource {
    switch (self["TOKEN"], self["TOKEN_FILE"]) {
    case (nil, nil):
      throw wrong(
        "TOKEN_FILE",
        "is not set: name the file that holds this Agent's token; wrktalk-backend token create --role agent --namespace "
          + "NAMESPACE makes one")
    case (let token?, nil): return .fixed(token)
    case (nil, let path?): return .file(path: path)
    case (_?, _?): throw wrong("TOKEN", "is set together with \(Self.prefix)TOKEN_FILE; set only one of them")
    }
  }

  func cluster(readFile: (String) -> String?) throws(AgentConfigurationError) -> ClusterConfiguration {
    do throws(ClusterConfigurationError) {
      return try ClusterConfiguration(kubeconfig: self["KUBECONFIG"], environment: environment, readFile: readFile)
    } catch {
      let isByDefault = self["SOURCE"] == nil && self["DEPLOYMENT_TYPE"] == nil
      let advice = isByDefault ? "; to deploy with Docker Compose, set \(Self.prefix)DEPLOYMENT_TYPE to docker" : ""
      let variable = self["KUBECONFIG"] == nil ? "KUBECONFIG" : Self.prefix + "KUBECONFIG"
      throw AgentConfigurationError(variable: variable, message: "\(error)\(advice)")
    }
  }
}
