-- What wrk sends; the headers come by its command line.
wrk.method = "POST"
wrk.body = os.getenv("BODY")
