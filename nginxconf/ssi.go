package nginxconf

// SSILoc holds ngx_http_ssi_filter_module's directives.
type SSILoc struct {
	Enable       Opt[bool]
	SilentErrors Opt[bool]
	LastModified Opt[bool]
	Types        Opt[[]string]
	MinFileChunk Opt[int64]
	ValueLength  Opt[int64]
}

// ssiRows is server side includes.
//
// See: https://nginx.org/en/docs/http/ngx_http_ssi_module.html
func ssiRows() []row {
	return []row{
		flag("ssi", ctxHSLI, inFilter(func(f *FilterLoc) *Opt[bool] { return &f.SSI.Enable }), false),
		flag("ssi_silent_errors", ctxHSL, inFilter(func(f *FilterLoc) *Opt[bool] { return &f.SSI.SilentErrors }), false),
		flag("ssi_last_modified", ctxHSL, inFilter(func(f *FilterLoc) *Opt[bool] { return &f.SSI.LastModified }), false),
		types("ssi_types", ctxHSL, inFilter(func(f *FilterLoc) *Opt[[]string] { return &f.SSI.Types }), "text/html"),
		size("ssi_min_file_chunk", ctxHSL, inFilter(func(f *FilterLoc) *Opt[int64] { return &f.SSI.MinFileChunk }), 1024),
		size("ssi_value_length", ctxHSL, inFilter(func(f *FilterLoc) *Opt[int64] { return &f.SSI.ValueLength }), 255),
		singleRow("ssi_ignore_recycled_buffers", ctxHSL, flagArg, checkFlag).ignored("memory tuning of nginx's buffers"),
	}
}
