using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.AI;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntimeGenAI;
using Sleb.Serving;

// A pruned folder behind HTTP:
//   dotnet run -c Release --project samples/Sleb.Serving -- --Model out/tiny-novels-minus-3 --urls http://127.0.0.1:5000
//   curl -N http://127.0.0.1:5000/chat -H 'content-type: application/json' -d '{"messages":[{"role":"user","content":"The door opened, and"}],"stream":true}'
using var natives = new OgaHandle();      // let go of last
_ = OrtEnv.Instance().GetVersionString(); // GenAI looks for ONNX Runtime as it is loaded

var builder = WebApplication.CreateBuilder(args);
string folder = builder.Configuration["Model"] ?? throw new InvalidOperationException("No model: give --Model FOLDER, a folder that sleb prune or sleb export wrote.");
using IChatClient client = new FolderChatClient(folder); // before anybody can connect: who is answered finds the model there

builder.Services.AddSingleton(client);
builder.Services.AddHealthChecks().AddCheck<ModelHealth>("model");
builder.Services.AddRateLimiter(limits =>
{
    // A model on a CPU writes one text at a time; some may wait, the rest are told so at once.
    limits.RejectionStatusCode = StatusCodes.Status503ServiceUnavailable;
    limits.AddConcurrencyLimiter("model", one => (one.PermitLimit, one.QueueLimit) = (1, builder.Configuration.GetValue("Queue", 8)));
});

var app = builder.Build();
app.UseRateLimiter();
app.MapHealthChecks("/health");
app.MapPost("/chat", async Task<IResult> (Conversation conversation, IChatClient model, CancellationToken gone) =>
{
    if (conversation.Fault is { } fault) return Wrong(fault);
    var messages = conversation.Messages!.Select(message => new ChatMessage(new ChatRole(message!.Role!), message.Content));
    var options = new ChatOptions { MaxOutputTokens = conversation.MaxTokens };
    try
    {
        return conversation.Stream
            ? TypedResults.ServerSentEvents(model.GetStreamingResponseAsync(messages, options, gone).Select(update => new Answer(update.Text)))
            : TypedResults.Ok(new Answer((await model.GetResponseAsync(messages, options, gone)).Text));
    }
    catch (ArgumentException e)
    {
        return Wrong(e.Message);
    }

    static IResult Wrong(string sentence) => TypedResults.Problem(sentence, statusCode: StatusCodes.Status400BadRequest);
}).RequireRateLimiting("model");
app.Run();
