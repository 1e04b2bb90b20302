using System.Globalization;
using System.Net;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Hub;

/// <summary>One sentence for whatever a hub refuses or the network does.</summary>
internal static class HubErrors
{
    /// <summary>Nobody answered.</summary>
    public static HubConnectionException Unreachable(Uri address, Exception inner)
    {
        bool reached = inner is not HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError };
        return new($"{Host(address)} cannot be reached ({Reason(inner)}); check the network, or HF_ENDPOINT.", reached, inner: inner);
    }

    /// <summary>Somebody answered, and broke off.</summary>
    public static HubConnectionException Broken(Uri endpoint, string what, Exception? inner) =>
        new($"The connection to {Host(endpoint)} broke while {what} came ({(inner is null ? "it ended early" : Reason(inner))}).", reached: true, inner: inner);

    /// <summary>What an answer that is neither success nor redirect means.</summary>
    public static Exception Of(HttpResponseMessage response, HubId id, Uri endpoint, string? file, bool hasToken)
    {
        string hub = Host(endpoint), page = $"{endpoint.AbsoluteUri.TrimEnd('/')}/{id.Repository}", status = Status(response);
        string code = response.Headers.TryGetValues("X-Error-Code", out var values) ? values.First() : "";
        // What the hub's storage refuses has nothing to do with the model's name or the token.
        bool fromHub = response.RequestMessage?.RequestUri is not { } address || Host(address) == hub;
        switch (response.StatusCode)
        {
            case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden when fromHub && code == "GatedRepo":
                return new CheckpointException(hasToken
                    ? $"{id} is gated, and the token's account may not read it ({status}): accept the terms at {page} with that account, then try again."
                    : $"{id} is gated ({status}): accept the terms at {page}, and set HF_TOKEN to a token of that account.");
            case HttpStatusCode.Unauthorized when fromHub && !hasToken:
                return new CheckpointException($"{hub} shows no model {id} without a token ({status}), and there is no folder of that name: check the name; for a private or gated model set HF_TOKEN.");
            case HttpStatusCode.Unauthorized when fromHub:
                return new CheckpointException($"{hub} shows no model {id} to this token ({status}), and there is no folder of that name: check the name, and HF_TOKEN.");
            case HttpStatusCode.Forbidden when fromHub:
                return new CheckpointException($"{hub} refuses {id} ({status}): it may be gated, so accept its terms at {page}, and set HF_TOKEN to a token that may read it.");
            case HttpStatusCode.NotFound when fromHub && file is not null:
                return new CheckpointException($"{hub} lists {file} in {id}, but does not have it ({status}); try again, or give another revision.");
            case HttpStatusCode.NotFound when fromHub && code == "RevisionNotFound":
                return new CheckpointException($"{id.Repository} at {hub} has no revision '{id.Revision}' ({status}); give a branch, a tag or a whole commit hash that {page} shows.");
            case HttpStatusCode.NotFound when fromHub:
                return new CheckpointException($"{hub} has no model {id.Repository}, or no revision '{id.Revision}' of it ({status}), and there is no folder of that name: check the name.");
        }
        string sentence = $"{Host(response.RequestMessage?.RequestUri ?? endpoint)} answered {status} for {(file is null ? id.ToString() : $"{file} of {id}")}";
        // Storage refuses an address that has become too old, and the hub gives out a new one.
        bool again = (int)response.StatusCode >= 500 || response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout
            || (!fromHub && response.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized);
        return again ? new HubConnectionException(sentence + ".", reached: true, response.Headers.RetryAfter?.Delta) : new CheckpointException(sentence + "; check HF_ENDPOINT.");
    }

    private static string Status(HttpResponseMessage response) => string.Create(CultureInfo.InvariantCulture, $"HTTP {(int)response.StatusCode}");

    private static string Host(Uri address) => address.Authority;

    private static string Reason(Exception e) => Excerpt.Of((e is HttpRequestException { InnerException: { } inner } ? inner : e).Message.TrimEnd('.'));
}
