using Microsoft.Extensions.AI;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Sleb.Serving;

/// <summary>Healthy is a model that answers: with one token, beside whoever it is writing for.</summary>
internal sealed class ModelHealth(IChatClient model) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        await model.GetResponseAsync("Hello", new ChatOptions { MaxOutputTokens = 1 }, cancellationToken);
        return HealthCheckResult.Healthy();
    }
}
