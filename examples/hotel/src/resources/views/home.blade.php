<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Hotel {{ $version }}</title>
<link rel="stylesheet" href="{{ $stylesheet }}">
</head>
<body>
<h1>Hotel</h1>
<p>Version <strong id="version">{{ $version }}</strong>@if ($variant) <em id="variant">{{ $variant }}</em>@endif, served by <code id="host">{{ $host }}</code>.</p>
<p>Rooms are booked with <code>POST /bookings</code> and cancelled with <code>DELETE /bookings/{id}</code>.</p>
</body>
</html>
