/// What becomes of the objects that a deleted object owns (`metav1.DeletionPropagation`).
public enum PropagationPolicy: String, Sendable, Hashable, CaseIterable {
  case orphan = "Orphan"
  case background = "Background"
  case foreground = "Foreground"
}
