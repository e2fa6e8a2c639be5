module onprem.irsa/lab/pause

go 1.24.0
